noinst_HEADERS = \
	include/peerlog/cidr.h \
	include/peerlog/count.h \
	include/peerlog/crc32c.h \
	include/peerlog/escape.h \
	include/peerlog/framer.h \
	include/peerlog/hash.h \
	include/peerlog/limits.h \
	include/peerlog/loop.h \
	include/peerlog/marks.h \
	include/peerlog/number.h \
	include/peerlog/path_template.h \
	include/peerlog/peer.h \
	include/peerlog/priority.h \
	include/peerlog/protocol_detect.h \
	include/peerlog/proxy.h \
	include/peerlog/record.h \
	include/peerlog/relp.h \
	include/peerlog/relp_stream.h \
	include/peerlog/subject.h \
	include/peerlog/utf8.h
