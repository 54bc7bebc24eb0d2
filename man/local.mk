# The manual pages, in mdoc.
dist_man_MANS = \
	man/peerlog.1 \
	man/peerlogd-admin.7 \
	man/peerlogd.8 \
	man/peerlogd.conf.5
