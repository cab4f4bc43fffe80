# meshroll with Helm, for the jobs that `meshroll schedule` prints; docs/how-to/image.md says how it is built and used.
# For builds that never differ, name both images by digest: --build-arg PYTHON_IMAGE=python@sha256:...
# The minor version of Python is the one that requirements.lock was made with.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG GO_IMAGE=golang:1.26-bookworm

# Helm of the release that the tests run with; go.sum holds the hash of everything that goes into it.
FROM ${GO_IMAGE} AS helm
WORKDIR /src
COPY sandbox/tools/helm/go.mod sandbox/tools/helm/go.sum ./
RUN CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags "-s -w" -o /helm helm.sh/helm/v3/cmd/helm

FROM ${PYTHON_IMAGE} AS package
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Whatever is installed below comes out of this folder, and nothing gets into it without its hash.
COPY requirements.lock ./
RUN python -m pip download --require-hashes --no-deps --only-binary :all: --dest /wheels --requirement requirements.lock
COPY . ./
RUN python -m venv /build \
    && /build/bin/pip install --no-index --find-links /wheels hatchling \
    && /build/bin/hatchling build --target wheel --directory /wheels \
    && python -m venv /opt/meshroll \
    && /opt/meshroll/bin/pip install --no-index --find-links /wheels "meshroll[eks]"

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="meshroll" \
      org.opencontainers.image.description="Take a namespace onto the Linkerd mesh, prove that it got better, and take it back when it did not." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=helm /helm /usr/local/bin/helm
COPY --from=package /opt/meshroll /opt/meshroll
# Written to are HOME and /tmp alone, so both can be volumes and the rest read-only.
# Clusters that give each namespace users of its own run it as any user of group 0.
RUN install --directory --mode=0775 --owner=65532 --group=0 /run/meshroll
ENV PATH="/opt/meshroll/bin:${PATH}" \
    HOME="/run/meshroll" \
    USER="meshroll" \
    ANSIBLE_REMOTE_TMP="/tmp/.ansible" \
    LANG="C.UTF-8" \
    PYTHONDONTWRITEBYTECODE="1"
WORKDIR /run/meshroll
USER 65532:65532
ENTRYPOINT ["meshroll"]
CMD ["--help"]
