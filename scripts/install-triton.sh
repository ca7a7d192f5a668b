#!/usr/bin/env bash
# Installs a real NVIDIA Triton inference server for the tests of detector.remote (test/support/triton.ts) from PyPI, with
# what its Python backend needs to run an ONNX model. No dependency of ours. About 100 MB to download, 330 MB on the disk.
set -euo pipefail
folder=${VEDETTE_TRITON:-$HOME/.cache/vedette-tests/triton}
triton="$folder/pytriton/tritonserver"
[ ! -x "$triton/bin/tritonserver" ] || exit 0

# Its Python backend has a stub for every version of Python and runs in the one whose library the system has.
python=/usr/bin/python3
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
pip() { python3 -m pip --disable-pip-version-check --quiet "$@"; }
rm -rf "$folder.new"
# Without the packages that PyTriton itself needs: only the server in it is used. NumPy 2 is not for this backend.
pip install --python-version "$version" --only-binary=:all: --no-deps --target "$folder.new" nvidia-pytriton==0.7.0
pip install --python-version "$version" --only-binary=:all: --target "$folder.new" --upgrade numpy==1.26.4 onnxruntime==1.30.0
new="$folder.new/pytriton/tritonserver"
cp "$new/python_backend_stubs/$version/triton_python_backend_stub" "$new/backends/python/"
chmod +x "$new/backends/python/triton_python_backend_stub" "$new/bin/tritonserver"
rm -rf "$folder"
mv "$folder.new" "$folder"
