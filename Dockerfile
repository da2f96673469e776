# Two stages: compile with the Rust toolchain, ship the one program on a base without shell or package manager.
#
#   docker build -t chatrace-webhook .
#   docker run --name chatrace -p 3000:3000 -v chatrace-data:/data --read-only -e WEBHOOK_SECRET chatrace-webhook
#   docker exec chatrace chatrace-webhook doctor

FROM rust:1.95-bookworm AS build
WORKDIR /build

# Compile the dependencies alone, against empty sources, so that this layer is reused until the manifests change. The clean
# afterwards removes only the empty package: Cargo compares times, and sources that are copied in later can be older than
# what was built here.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked \
 && cargo clean --release --locked --package chatrace-webhook \
 && rm -r src

# Migrations, the page and the samples of `send-test` become part of the program. .dockerignore lists what the build may
# read.
COPY . .
ARG REVISION=
RUN CHATRACE_WEBHOOK_COMMIT="$REVISION" cargo build --release --locked \
 && mkdir /empty


FROM gcr.io/distroless/cc-debian12:nonroot

COPY --from=build /build/target/release/chatrace-webhook /usr/local/bin/chatrace-webhook
# A named volume starts as a copy of this directory, with its owner. Without it the program could not write there.
COPY --from=build --chown=65532:65532 /empty /data

# SQLite sorts large results in a temporary file. With a read-only root, the volume is the only place for it.
ENV DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=3000 \
    SQLITE_TMPDIR=/data

# `nonroot`, by number, so that an orchestrator can check that it is not root.
USER 65532:65532
WORKDIR /
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["/usr/local/bin/chatrace-webhook", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/chatrace-webhook"]
CMD ["serve"]

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="chatrace-webhook" \
      org.opencontainers.image.description="Receives the webhooks by which Chatrace hands over Instagram messages, and never loses one" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
