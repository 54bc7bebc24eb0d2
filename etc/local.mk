# Completions for bash and zsh, which find them by their names.
dist_bashcompletion_DATA = \
	etc/completion/peerlog.bash \
	etc/completion/peerlogd.bash
dist_zshcompletion_DATA = \
	etc/completion/_peerlog \
	etc/completion/_peerlogd
if HAVE_ADMIN
dist_bashcompletion_DATA += etc/completion/peerlogctl.bash
dist_zshcompletion_DATA += etc/completion/_peerlogctl
endif

# For files (output.type = "file"), as an example: where they are is up to the configuration.
rotationdir = $(docdir)/examples/logrotate.d
dist_rotation_DATA = etc/logrotate.d/peerlogd

# The sample is the configuration of a fresh installation. An administrator's own is
# never overwritten, and never removed.

EXTRA_DIST += etc/peerlogd.conf
PHONY_TARGETS += install-settings uninstall-settings

installed_settings = "$(DESTDIR)$(sysconfdir)/peerlogd.conf"

install-data-local: install-settings
install-settings:
	@$(MKDIR_P) "$(DESTDIR)$(sysconfdir)"
	@if test -e $(installed_settings) || test -h $(installed_settings); then \
	  echo "keeping $(DESTDIR)$(sysconfdir)/peerlogd.conf"; \
	else \
	  echo "installing $(DESTDIR)$(sysconfdir)/peerlogd.conf"; \
	  $(INSTALL_DATA) "$(srcdir)/etc/peerlogd.conf" $(installed_settings); \
	fi

uninstall-local: uninstall-settings
uninstall-settings:
	@if cmp -s "$(srcdir)/etc/peerlogd.conf" $(installed_settings); then \
	  echo "removing $(DESTDIR)$(sysconfdir)/peerlogd.conf"; \
	  rm -f $(installed_settings); \
	elif test -e $(installed_settings) || test -h $(installed_settings); then \
	  echo "keeping $(DESTDIR)$(sysconfdir)/peerlogd.conf, which was edited"; \
	fi
