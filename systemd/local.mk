# Units, the journal's message catalog, and drop-in files as examples.
# One template gives both services: see its head.

systemdsystemunit_DATA = \
	systemd/peerlogd.service \
	systemd/peerlogd-activated.service \
	systemd/peerlogd.socket
catalog_DATA = systemd/peerlogd.catalog
examplesdir = $(docdir)/examples
dist_examples_DATA = systemd/low-ports.conf systemd/dev-log.conf systemd/tls-credentials.conf
EXTRA_DIST += \
	systemd/peerlogd.service.in \
	systemd/peerlogd.socket \
	systemd/peerlogd.catalog
CLEANFILES += systemd/peerlogd.service systemd/peerlogd-activated.service

systemd/peerlogd.service: systemd/peerlogd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && $(SED) -e '/^##/d' -e '/^@PASSED@/d' -e 's|^@OWN@||' \
		-e 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/systemd/peerlogd.service.in > $@-t && mv $@-t $@

systemd/peerlogd-activated.service: systemd/peerlogd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && $(SED) -e '/^##/d' -e '/^@OWN@/d' -e 's|^@PASSED@||' \
		-e 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/systemd/peerlogd.service.in > $@-t && mv $@-t $@
