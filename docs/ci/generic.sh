#!/bin/sh
# Build the application image, publish it where that is allowed, and run the site's tests in just that image, on a runner that
# will be thrown away. For any CI service; start it in a checkout of the provisioner:
#
#   sh docs/ci/generic.sh /path/to/addons-server
#
# IMAGE (a name in a registry) and VERSION (such as a commit) are optional. Without IMAGE nothing is published.
set -eu
source=$1
digest=
scripts/bootstrap

if [ -n "${IMAGE:-}" ]; then
    .venv/bin/olympia push -i ci --artifacts artifacts/push \
        SOURCE_DIR="$source" DOCKER_TAG="$IMAGE:$VERSION" CACHE_FROM="$IMAGE:cache" CACHE_TO="$IMAGE:cache" \
        olympia_docker_image_store=containerd
    published=artifacts/push/hosts/localhost/project/published.env
    # Without credentials there is none, and the tests run in the image as it is built here.
    if [ -f "$published" ]; then digest=$(sed -n 's/^DOCKER_DIGEST=//p' "$published"); fi
fi

.venv/bin/olympia test-site -i ci --artifacts artifacts/test-site \
    SOURCE_DIR="$source" DOCKER_TAG="${digest:+$IMAGE@$digest}"
