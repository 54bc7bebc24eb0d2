# Completions for bash and zsh, which find them by their names.
dist_bashcompletion_DATA = \
	etc/completion/peerlog.bash \
	etc/completion/peerlogd.bash
dist_zshcompletion_DATA = \
	etc/completion/_peerlog \
	etc/completion/_peerlogd
