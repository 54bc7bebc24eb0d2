dist_man_MANS =
dist_man_MANS += man/peerlog.1
