noinst_HEADERS = \
	include/peerlog/cidr.h \
	include/peerlog/count.h \
	include/peerlog/escape.h \
	include/peerlog/framer.h \
	include/peerlog/limits.h \
	include/peerlog/number.h \
	include/peerlog/peer.h \
	include/peerlog/priority.h \
	include/peerlog/proxy.h \
	include/peerlog/record.h \
	include/peerlog/relp.h \
	include/peerlog/stranger.h \
	include/peerlog/utf8.h
