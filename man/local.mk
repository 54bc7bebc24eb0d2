# The manual pages, in mdoc.
dist_man_MANS = \
	man/peerlog.1 \
	man/peerlogd.8 \
	man/peerlogd.conf.5
if HAVE_ADMIN
dist_man_MANS += man/peerlogctl.1 man/peerlogd-admin.7
endif
