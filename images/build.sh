#!/bin/sh
# Build the images: images/build.sh [NAME...], all of them without a name. From the environment:
#   LEANSTAGE_REGISTRY, LEANSTAGE_TAG                                  as compiled packages name them
#   BASE_IMAGE, TORCH_INDEX_URL, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL    build arguments
#   LEANSTAGE_SOURCE                                                   where the source is published
#   ENGINE         docker, podman or buildah; otherwise the first of them that is installed
#   IMAGE_FLAGS    further flags of its build command
set -eu
cd "$(dirname "$0")/.."

if [ -z "${ENGINE:-}" ]; then
    ENGINE=$(command -v docker || command -v podman || command -v buildah) || {
        echo "No docker, podman or buildah here; install one, or set ENGINE to its path." >&2
        exit 1
    }
fi
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
revision=$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || true)

[ $# -gt 0 ] || set -- control torch llm serve
for name; do
    # A build argument without a value is taken from the environment, and left alone if unset there.
    # shellcheck disable=SC2086
    "$ENGINE" build ${IMAGE_FLAGS:-} \
        --file "images/$name/Dockerfile" \
        --tag "${LEANSTAGE_REGISTRY:-leanstage}/leanstage-$name:${LEANSTAGE_TAG:-$version}" \
        --build-arg VERSION="$version" \
        --build-arg REVISION="$revision" \
        --build-arg SOURCE="${LEANSTAGE_SOURCE:-}" \
        --build-arg BASE_IMAGE \
        --build-arg TORCH_INDEX_URL \
        --build-arg PIP_INDEX_URL \
        --build-arg PIP_EXTRA_INDEX_URL \
        .
done
