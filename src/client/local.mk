bin_PROGRAMS += peerlog
peerlog_SOURCES = src/client/main.c
