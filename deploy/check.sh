#!/usr/bin/env bash
# Check every deployment file with its real tool: docker compose, kustomize, the Kubernetes schemas, promtool.
# Run by `make deploy`, which puts the tools into .venv-deploy.
set -euo pipefail
cd "$(dirname "$0")/.."
TOOLS=$PWD/.venv-deploy/bin
WORK=$(mktemp -d /tmp/evenload-deploy.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
cp -r deploy "$WORK/deploy"
cd "$WORK/deploy"

.venv() { "$OLDPWD/.venv/bin/evenload" "$@"; }

echo "compose.yaml and try.yaml: docker compose config"
mkdir -p site
for files in "-f compose.yaml" "-f compose.yaml -f try.yaml"; do
  # shellcheck disable=SC2086  # several words are meant
  "$TOOLS/docker-compose" $files --profile '*' config --quiet
done

for overlay in single-site fleet; do
  folder=kubernetes/overlays/$overlay
  .venv nats init "$folder/secrets" --listen 0.0.0.0:4222 --monitor 0.0.0.0:8222 --store /data >/dev/null
  "$TOOLS/kubectl" kustomize "$folder" >"$WORK/$overlay.yaml"
  "$TOOLS/python3" - "$WORK/$overlay.yaml" "$WORK" <<'PYTHON'
import json, pathlib, sys, yaml
known, custom = [], 0
for found in yaml.safe_load_all(pathlib.Path(sys.argv[1]).read_text()):
    if found["apiVersion"].startswith("monitoring.coreos.com/"):
        custom += 1
        pathlib.Path(sys.argv[2], f"custom-{custom}.json").write_text(json.dumps(found))
    else:
        known.append(found)
pathlib.Path(sys.argv[1]).write_text(yaml.safe_dump_all(known))
print(f"{len(known)} resources, {custom} custom")
PYTHON
  "$TOOLS/kubernetes-validate" --strict --quiet "$WORK/$overlay.yaml"
  echo "overlay $overlay: kustomize, kubernetes-validate --strict"
done
for custom in "$WORK"/custom-*.json; do
  "$TOOLS/jsonschema" --instance "$custom" kubernetes/podmonitor.schema.json 2>/dev/null
done
echo "pod monitors: their schema"

"$OLDPWD/.venv/bin/python" -m pytest -q -p no:cacheprovider --rootdir "$OLDPWD" -c "$OLDPWD/pyproject.toml" "$OLDPWD/tests/deploy/kustomized.py" "$OLDPWD/tests/deploy/test_built.py"
echo "what tests read of the overlays is what kustomize builds"

(cd prometheus && promtool check config prometheus.yaml && promtool check rules rules.yaml && promtool test rules rules_test.yaml)
echo "all deployment files are good"
