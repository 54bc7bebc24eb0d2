# What surprised us elsewhere, as scripts; run by hand: findings/README.md.

EXTRA_DIST += findings/README.md findings/lib.sh \
              findings/haproxy-client-certificate.sh \
              findings/journald-entries.sh \
              findings/libconfig-numbers.sh \
              findings/logger-prio-prefix.sh \
              findings/rsyslog-compression.sh
