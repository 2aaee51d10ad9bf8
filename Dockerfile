# syntax=docker/dockerfile:1
# The service in a container:
#
#   docker build -t trailwarden --build-arg TRAILWARDEN_REVISION="$(git rev-parse --short=12 HEAD)" --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v trailwarden:/var/lib/trailwarden -p 127.0.0.1:9464:9464 trailwarden
#
# docs/install.md says more; tests/packaging/image.py runs these steps.
ARG DEBIAN=debian:12-slim

FROM ${DEBIAN} AS build
WORKDIR /src
# Only what names the packages, so that a change of the sources does not fetch them again.
COPY packaging/debian-packages.txt packaging/
COPY scripts/lib.sh scripts/setup scripts/
RUN scripts/setup && rm -rf /var/lib/apt/lists/*
COPY . .
ARG TRAILWARDEN_REVISION=unknown
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=cache,target=/root/.cache/trailwarden scripts/package deb

FROM ${DEBIAN}
# A number of its own, which Kubernetes can see not to be root's; the package takes the user as it is.
RUN groupadd --system --gid 65532 trailwarden && \
    useradd --system --uid 65532 --gid 65532 --home-dir /var/lib/trailwarden --no-create-home --shell /usr/sbin/nologin trailwarden && \
    install -d -o trailwarden -g trailwarden -m 750 /var/lib/trailwarden /var/lib/trailwarden/inbox
RUN --mount=type=bind,from=build,source=/src/build/package/packages,target=/packages \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /packages/trailwarden_*.deb && \
    rm -rf /var/lib/apt/lists/*
COPY packaging/container.yaml /etc/trailwarden/trailwarden.yaml

USER 65532:65532
WORKDIR /var/lib/trailwarden
# The only folder that is written to; the rest may be read-only.
VOLUME ["/var/lib/trailwarden"]
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 CMD ["trailwarden", "health", "-c", "/etc/trailwarden/trailwarden.yaml"]
ENTRYPOINT ["trailwarden"]
CMD ["run", "-c", "/etc/trailwarden/trailwarden.yaml"]
