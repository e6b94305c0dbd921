# The image of the service. `cargo xtask container` gathers its root in target/container; then:
#
#   docker build -t handful -f Dockerfile target/container
#   docker run --rm -it --read-only -p 8443:8443 -v handful:/var/lib/handful handful --setup
#
# The first start with --setup makes a key and a certificate, and prints the key once. Later starts
# need no argument. docs/guide/container.md has the rest.
FROM scratch

COPY root/ /
# The volume belongs to the user of the service.
COPY --chown=10001:10001 root/var/lib/handful/ /var/lib/handful/

ENV HANDFUL_BUNDLE=/usr/share/handful/bundles/efficientnet-lite0
ENV HANDFUL_LISTEN=0.0.0.0:8443
ENV HANDFUL_STORE=/var/lib/handful/store

USER 10001:10001
VOLUME ["/var/lib/handful"]
EXPOSE 8443

# Over TLS or not, as the service listens.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["/usr/bin/handful-server", "--check-health"]

ENTRYPOINT ["/usr/bin/handful-server"]
