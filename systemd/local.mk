# Units, the journal's message catalog, and drop-in files as examples.
# One template gives both services: see its head.

systemdsystemunit_DATA = \
	systemd/peerlogd.service \
	systemd/peerlogd-activated.service \
	systemd/peerlogd.socket
catalog_DATA = systemd/peerlogd.catalog
examplesdir = $(docdir)/examples
dist_examples_DATA = systemd/dev-log.conf systemd/keep-connections.conf systemd/low-ports.conf \
                     systemd/tls-credentials.conf
EXTRA_DIST += \
	systemd/peerlogd.service.in \
	systemd/peerlogd.socket \
	systemd/peerlogd.catalog
CLEANFILES += systemd/peerlogd.service systemd/peerlogd-activated.service

# An older systemd would warn of settings it does not know.
if HAVE_RESTART_STEPS
UNIT_STEPS = s|^@STEPS@||
else
UNIT_STEPS = /^@STEPS@/d
endif
UNIT_SED = $(SED) -e '/^\#\#/d' -e '$(UNIT_STEPS)' -e 's|@sbindir[@]|$(sbindir)|g'

systemd/peerlogd.service: systemd/peerlogd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && $(UNIT_SED) -e '/^@PASSED@/d' -e 's|^@OWN@||' \
		$(srcdir)/systemd/peerlogd.service.in > $@-t && mv $@-t $@

systemd/peerlogd-activated.service: systemd/peerlogd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && $(UNIT_SED) -e '/^@OWN@/d' -e 's|^@PASSED@||' \
		$(srcdir)/systemd/peerlogd.service.in > $@-t && mv $@-t $@
