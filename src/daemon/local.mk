sbin_PROGRAMS += peerlogd
peerlogd_SOURCES = src/daemon/main.c
