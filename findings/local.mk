# What surprised us elsewhere, as scripts; run by hand: findings/README.md.

EXTRA_DIST += findings/README.md findings/lib.sh \
              findings/haproxy-client-certificate.sh \
              findings/imrelp-too-long.sh \
              findings/journald-entries.sh \
              findings/libconfig-numbers.sh \
              findings/libmicrohttpd-closes-twice.sh \
              findings/librdkafka-fork.sh \
              findings/librdkafka-mock-repeats.sh \
              findings/logger-prio-prefix.sh \
              findings/nats-full-replicas.sh \
              findings/nats-max-bytes.sh \
              findings/nats-work-queue.sh \
              findings/omrelp-refused.sh \
              findings/openssl-s_server-stdin.sh \
              findings/openssl-session-tickets.sh \
              findings/rsyslog-anonymous-tls.sh \
              findings/rsyslog-client-certificate.sh \
              findings/rsyslog-compression.sh \
              findings/rsyslog-full-queue.sh \
              findings/rsyslog-leading-digit.sh \
              findings/tcp-info-fin.sh \
              findings/tcp-send-room.sh \
              findings/tls-certificate-usage.sh
