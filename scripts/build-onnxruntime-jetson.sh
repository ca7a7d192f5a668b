#!/usr/bin/env bash
# Builds ONNX Runtime with CUDA and TensorRT, and its Node binding, on a Jetson with JetPack 6, for detector.library: that from npm
# has neither for arm64. Takes hours. May be run again: what is built already is not built again. docs/jetson.md.
# Not run on a Jetson yet: its checks and its steps are tested below a root of stand-ins.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/build-onnxruntime-jetson.sh [options]

  --prefix DIR        where it is installed (default: /opt/vedette-onnxruntime)
  --work DIR          where it is built; 25 GB (default: /var/tmp/vedette-onnxruntime)
  --jobs N            compilers at once (default: one for 4 GB of memory and swap, at most one a core)
  --without-tensorrt  CUDA only
  --check             look whether the board has what is needed, and end
  --dry-run           say what would be done, change nothing
  --root DIR          look for the files of the board below DIR (for tests)
  --help              this text
TEXT
}

fail() { echo "build-onnxruntime-jetson.sh: $1" >&2; exit "${2:-1}"; }

prefix=/opt/vedette-onnxruntime work=/var/tmp/vedette-onnxruntime jobs='' tensorrt=1 check='' dry='' root=''
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=$(readlink -m "${2:?--prefix needs a folder}"); shift ;;
    --work) work=$(readlink -m "${2:?--work needs a folder}"); shift ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift ;;
    --without-tensorrt) tensorrt='' ;;
    --check) check=1 ;;
    --dry-run) dry=1 ;;
    --root) root=$(readlink -m "${2:?--root needs a folder}"); shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
  shift
done
case $jobs in *[!0-9]* | 0) fail "--jobs must be a whole number from 1 (got '$jobs')" 64 ;; esac

checkout=$(dirname "$(dirname "$(readlink -f "$0")")")
# The library must be of the version that the packages of this checkout have.
version=$(sed -n 's/.*"onnxruntime-node": "\([0-9.]*\)".*/\1/p' "$checkout/package.json")
repository=https://github.com/microsoft/onnxruntime.git
source=$work/onnxruntime-$version
cuda=/usr/local/cuda
triplet=aarch64-linux-gnu
# Compute capability of the GPU in every Orin, the only boards of JetPack 6.
architectures=87

# --- What the board must have, all that is missing at once ---------------------------------------------------------------

problems=0
problem() { problems=$((problems + 1)); echo "missing: $1" >&2; }

# at_least 3.28 3.22.1: whether the second version is not below the first.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# need PROGRAM VERSION PACKAGE: a program, of this version or later.
need() {
  local found
  command -v "$1" >/dev/null || { problem "$1 $2 or later ($3)"; return; }
  found=$("$1" --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)
  at_least "$2" "${found:-0}" || problem "$1 $2 or later, found ${found:-none} ($3)"
}

# define NAME FILES…: the number that a C header gives a name.
define() {
  local name=$1 file
  shift
  for file in "$@"; do
    [ ! -e "$root$file" ] || { sed -n "s/^#define $name  *\([0-9][0-9]*\).*/\1/p" "$root$file" | head -n 1; return; }
  done
}

kilobytes() { sed -n "s/^$1: *\([0-9]*\) kB/\1/p" "$root/proc/meminfo" 2>/dev/null || true; }

check_board() {
  local release
  [ "$(uname -m)" = aarch64 ] || problem "an arm64 board (this is $(uname -m))"
  release=$(sed -n '1s/^# R\([0-9]*\) .*/\1/p' "$root/etc/nv_tegra_release" 2>/dev/null || true)
  case $release in
    36) ;;
    '') problem 'Jetson Linux: /etc/nv_tegra_release is not there' ;;
    *) problem "JetPack 6 (Jetson Linux R36), found R$release" ;;
  esac
}

check_nvidia() {
  local found major
  found=$(sed -n '/"cuda" *:/,/}/s/.*"version" *: *"\([0-9.]*\)".*/\1/p' "$root$cuda/version.json" 2>/dev/null || true)
  { [ -n "$found" ] && at_least 12.2 "$found" && [ -e "$root$cuda/bin/nvcc" ]; } ||
    problem "CUDA 12.2 or later with nvcc below $cuda, found ${found:-none} (apt install nvidia-jetpack)"
  major=$(define CUDNN_MAJOR /usr/include/cudnn_version.h "/usr/include/$triplet/cudnn_version_v9.h")
  [ "${major:-0}" -ge 9 ] || problem "cuDNN 9 with its headers, found ${major:-none} (apt install nvidia-jetpack)"
  [ -n "$tensorrt" ] || return 0
  major=$(define NV_TENSORRT_MAJOR "/usr/include/$triplet/NvInferVersion.h" /usr/include/NvInferVersion.h)
  [ "${major:-0}" -ge 10 ] ||
    problem "TensorRT 10 with its headers, found ${major:-none} (apt install nvidia-jetpack, or --without-tensorrt)"
}

check_tools() {
  need git 2.17 'apt install git'
  need g++ 11.1 'apt install g++'
  need python3 3.10 'apt install python3 python3-pip'
  need cmake 3.28 'pip install cmake, and its folder on PATH'
  need npm 8.0 'apt install npm'
  command -v node >/dev/null || problem 'node, for the build of its binding (apt install nodejs, or node_modules/.bin of this checkout on PATH)'
}

# Compilers of CUDA code take up to 4 GB each.
check_room() {
  local memory cores room
  memory=$((($(kilobytes MemTotal || true) + 0 + $(kilobytes SwapTotal || true) + 0) / 1000000))
  cores=$(nproc)
  [ -n "$jobs" ] || jobs=$((memory / 4 > cores ? cores : memory / 4))
  [ "$jobs" -ge 1 ] || jobs=1
  if [ $((jobs * 4)) -gt "$memory" ]; then
    problem "memory: $memory GB with swap; $jobs compiler(s) at once want $((jobs * 4)) GB.
  More swap for the time of the build:
    sudo fallocate -l 16G /var/tmp/swap && sudo chmod 600 /var/tmp/swap && sudo mkswap /var/tmp/swap && sudo swapon /var/tmp/swap"
  fi
  [ -n "$root" ] || {
    room=$(df -Pk "$(existing "$work")" | awk 'NR == 2 { print int($4 / 1000000) }')
    [ "$room" -ge 25 ] || problem "room: 25 GB in $work, found $room GB (--work names another place)"
  }
}

# The nearest folder that is there.
existing() {
  local folder=$1
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  echo "$folder"
}

# --- The build ----------------------------------------------------------------------------------------------------------

# Says what is done and does it, or only says it.
run() {
  printf '+ %s\n' "$*"
  [ -n "$dry" ] || "$@"
}

fetch() {
  [ ! -e "$source/VERSION_NUMBER" ] || { echo "The sources are in $source."; return; }
  run mkdir -p "$work"
  run git clone --depth 1 --branch "v$version" --recursive --shallow-submodules "$repository" "$source.part"
  run mv "$source.part" "$source"
}

# The binding hands TensorRT no options (microsoft/onnxruntime#26854): without this no engine is kept, and no int8 model taken.
hand_options_on() {
  local file=$source/js/node/src/session_options_helper.cc append='sessionOptions.AppendExecutionProvider_TensorRT_V2(*options);'
  echo "+ change $file: options of TensorRT are handed on"
  [ -z "$dry" ] || return 0
  ! grep -q PassTensorRTOptions "$file" || return 0
  if [ "$(grep -cF "$append" "$file")" != 1 ] || [ "$(grep -c '^void ParseExecutionProviders' "$file")" != 1 ]; then
    fail "$file is not as this script knows it: version $version has changed there"
  fi
  tensorrt_code >"$work/options.cc"
  sed -i -e "/^void ParseExecutionProviders/{
e cat '$work/options.cc'
}" -e "s/^\( *\)sessionOptions.AppendExecutionProvider_TensorRT_V2(\*options);/\1PassTensorRTOptions(epValue, options);\n&/" "$file"
}

tensorrt_code() {
  cat <<'CODE'
#ifdef USE_TENSORRT
// Vedette: what begins with trt_ in the JavaScript object of the provider is an option of TensorRT.
static void PassTensorRTOptions(const Napi::Value& provider, OrtTensorRTProviderOptionsV2* options) {
  if (!provider.IsObject()) return;
  const Napi::Object object = provider.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < names.Length(); i++) {
    const Napi::Value name = names.Get(i);
    const Napi::Value value = object.Get(name);
    const std::string key = name.ToString().Utf8Value();
    if (key.rfind("trt_", 0) != 0 || !value.IsString()) continue;
    texts.push_back(key);
    texts.push_back(value.ToString().Utf8Value());
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (size_t i = 0; i < texts.size(); i += 2) {
    keys.push_back(texts[i].c_str());
    values.push_back(texts[i + 1].c_str());
  }
  if (keys.empty()) return;
  Ort::ThrowOnError(
      Ort::GetApi().UpdateTensorRTProviderOptions(options, keys.data(), values.data(), keys.size()));
}
#endif

CODE
}

build() {
  local with=(--use_cuda --cuda_home "$cuda" --cudnn_home /usr)
  [ -z "$tensorrt" ] || with+=(--use_tensorrt --use_tensorrt_builtin_parser --tensorrt_home /usr)
  [ "$(id -u)" != 0 ] || with+=(--allow_running_as_root)
  run env -C "$source" PATH="$cuda/bin:$PATH" ./build.sh --config Release --update --build --parallel "$jobs" --nvcc_threads 1 \
    --build_shared_lib --build_nodejs --skip_tests --skip_submodule_sync --compile_no_warning_as_error "${with[@]}" \
    --cmake_extra_defines "CMAKE_CUDA_ARCHITECTURES=$architectures" onnxruntime_BUILD_UNIT_TESTS=OFF
}

# The whole folder beside the old one, then in its place: a detector that starts meanwhile finds one or the other.
install_built() {
  local built=$source/build/Linux/Release stage=$prefix.new as=() file
  local files=("$source"/js/node/bin/napi-v*/linux/arm64/onnxruntime_binding.node "$built/libonnxruntime_providers_shared.so"
    "$built/libonnxruntime_providers_cuda.so" "$source/LICENSE" "$source/ThirdPartyNotices.txt")
  [ -z "$tensorrt" ] || files+=("$built/libonnxruntime_providers_tensorrt.so")
  [ -w "$(existing "$(dirname "$prefix")")" ] || as=(sudo)
  if [ -z "$dry" ]; then
    for file in "${files[@]}" "$built/libonnxruntime.so.1"; do [ -e "$file" ] || fail "the build did not make $file"; done
  fi
  run "${as[@]}" rm -rf "$stage"
  run "${as[@]}" mkdir -p "$stage"
  run "${as[@]}" cp "${files[@]}" "$stage/"
  run "${as[@]}" cp -L "$built/libonnxruntime.so.1" "$stage/libonnxruntime.so.1"
  run "${as[@]}" rm -rf "$prefix.old"
  [ ! -e "$prefix" ] || run "${as[@]}" mv "$prefix" "$prefix.old"
  run "${as[@]}" mv "$stage" "$prefix"
  run "${as[@]}" rm -rf "$prefix.old"
}

[ -n "$version" ] || fail "$checkout/package.json names no version of onnxruntime-node"
check_board
check_nvidia
check_tools
check_room
[ "$problems" = 0 ] || fail "$problems thing(s) missing: see above"
echo "ONNX Runtime $version with CUDA${tensorrt:+ and TensorRT}, $jobs compiler(s) at once: hours"
[ -z "$check" ] || exit 0
fetch
[ -z "$tensorrt" ] || hand_options_on
build
install_built
cat <<TEXT
Done. In /etc/vedette/vedette.yaml:
  detector:
    library: $prefix
then: sudo -u vedette vedette doctor --data /var/lib/vedette
TEXT
