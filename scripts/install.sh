#!/usr/bin/env bash
# Installs this checkout as the service `vedette` on a board with systemd, or takes it away again. Both may be run any number
# of times: what is as it should be is left alone. The running service keeps its own copy of the code until the new one is
# complete, and gets it back when the new one does not start.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/install.sh [options]              install, or bring an installation up to this checkout
       scripts/install.sh uninstall [options]    take it away; configuration and data stay

  --camera TYPE   source of the first configuration: libcamera, argus, v4l2 or scene (default: what is found)
  --root DIR      install below DIR, for an image: starts and asks nothing outside it
  --dry-run       say what would be done, change nothing
  --purge         with uninstall: configuration, data and user go too
  --help          this text
TEXT
}

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }

action=install camera='' root='' dry='' purge=''
while [ $# -gt 0 ]; do
  case $1 in
    install | uninstall) action=$1 ;;
    --camera) camera=${2:?--camera needs a type}; shift ;;
    --root) root=$(readlink -m "${2:?--root needs a folder}"); shift ;;
    --dry-run) dry=1 ;;
    --purge) purge=1 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
  shift
done
case $camera in '' | libcamera | argus | v4l2 | scene) ;; *) fail "--camera must be libcamera, argus, v4l2 or scene (got '$camera')" 64 ;; esac
case $root in *[[:space:]]*) fail "--root must not have a space in it (got '$root')" 64 ;; /) root='' ;; esac
[ -z "$purge" ] || [ "$action" = uninstall ] || fail '--purge goes with uninstall' 64

source=$(dirname "$(dirname "$(readlink -f "$0")")")
home=/opt/vedette
config=$root/etc/vedette/vedette.yaml
unit=$root/etc/systemd/system/vedette.service
wanted=$root/etc/systemd/system/multi-user.target.wants/vedette.service
rules=$root/etc/udev/rules.d/99-vedette.rules
users=$root/etc/sysusers.d/vedette.conf
command=$root/usr/local/bin/vedette
changes=0 units_changed='' rules_changed='' previous='' release=''

# Says what is done and does it, or only says it.
run() {
  changes=$((changes + 1))
  echo "$1"
  shift
  [ -n "$dry" ] || "$@"
}

# --- Install ----------------------------------------------------------------------------------------------------------

check_board() {
  case $(uname -m) in aarch64 | x86_64) ;; *) fail "needs a 64-bit arm64 or x64 system (this is $(uname -m)): Raspberry Pi OS comes in both kinds" ;; esac
  [ -e "$root/etc/debian_version" ] || [ -n "$root" ] || fail 'needs Debian or a relative of it (Raspberry Pi OS, Ubuntu)'
  command -v systemd-sysusers >/dev/null || fail 'needs systemd-sysusers (apt install systemd)'
  local version
  version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [ -n "$root" ] || [ "${version:-0}" -ge 247 ] || fail "needs systemd 247 or later (found ${version:-none})"
  command -v npm >/dev/null || fail 'needs npm to fetch the packages once (apt install npm)'
}

# What of the checkout is installed: no tests, no packages for development.
parts=(daemon config docs models scripts systemd package.json package-lock.json .npmrc README.md CHANGELOG.md LICENSE)

fingerprint() {
  (cd "$source" && find "${parts[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
}

install_code() {
  if [ "$source" = "$root$home" ]; then
    [ -x "$source/node_modules/.bin/node" ] || run "packages: npm ci in $source" npm_ci "$source"
    return
  fi
  release=$home-$(fingerprint)
  previous=$(readlink "$root$home" || true)
  if [ -e "$root$home" ] && [ -z "$previous" ]; then
    fail "$root$home is a folder of its own: move it away, or run its own scripts/install.sh to use it where it is"
  fi
  [ "$previous" != "$release" ] || return 0
  run "code: $source to $root$release" copy_release
  run "code: $home is now ${release##*/}" point_home "$release"
}

# The folder gets its name only when it is complete.
copy_release() {
  local staging=$root$home.new
  rm -rf "$staging" "$root$release"
  mkdir -p "$staging"
  (cd "$source" && cp -R "${parts[@]}" "$staging/")
  npm_ci "$staging"
  chmod -R u=rwX,go=rX "$staging"
  [ -n "$root" ] || "$staging/scripts/vedette" --version >/dev/null || fail 'the new code does not run here'
  mv -T "$staging" "$root$release"
}

npm_ci() {
  (cd "$1" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
  # Binaries for systems that this is not: half of everything.
  local other=arm64
  [ "$(uname -m)" = x86_64 ] || other=x64
  rm -rf "$1"/node_modules/onnxruntime-node/bin/napi-v*/{darwin,win32,"linux/$other"}
}

# A link is exchanged in one step: there is no moment without code.
point_home() {
  ln -sfn "$1" "$root$home.link"
  mv -T "$root$home.link" "$root$home"
}

remove_old_releases() {
  local old
  for old in $(releases); do
    [ "$old" = "$root$(readlink "$root$home")" ] || run "code: old ${old##*/} removed" rm -rf "$old"
  done
}

# Folders with a name of ours only: /opt/vedette-something may belong to somebody else.
releases() { find "$root/opt" -maxdepth 1 -regextype posix-extended -regex '.*/vedette-[0-9a-f]{12}' 2>/dev/null || true; }

# place FILE TARGET: copies a file of ours where it differs; true when it did.
place() {
  ! cmp -s "$1" "$2" || return 1
  run "file: $2" install -D -m 0644 "$1" "$2"
}

# folder PATH MODE OWNER:GROUP, the names looked up in the target system.
folder() {
  local ids
  ids=$(id_of passwd "${3%:*}"):$(id_of group "${3#*:}")
  [ "$(stat -c '%a %u:%g' "$1" 2>/dev/null)" = "${2#0} $ids" ] || run "folder: $1 ($3, $2)" make_folder "$1" "$2" "$ids"
}

make_folder() {
  mkdir -p "$1"
  chmod "$2" "$1"
  chown "$3" "$1"
}

id_of() { sed -n "s/^$2:[^:]*:\([0-9]*\):.*/\1/p" "$root/etc/$1" 2>/dev/null | grep . || echo 0; }

install_users() {
  place "$source/systemd/vedette.sysusers" "$users" || true
  if [ "$(id_of passwd vedette)" = 0 ] || [ "$(id_of group render)" = 0 ]; then
    run 'user: vedette, in the groups video and render' systemd-sysusers ${root:+--root="$root"} "$users"
  fi
}

board() {
  local model
  model=$({ tr -d '\0' </proc/device-tree/model; } 2>/dev/null || true)
  case $model in *'Raspberry Pi'*) echo raspberry-pi ;; *Jetson* | *NVIDIA*) echo jetson ;; *) echo other ;; esac
}

find_camera() {
  local program
  if [ -n "$root" ]; then echo scene; return; fi
  # A sensor at the CSI connector of a Jetson is named "vi-output, imx219 7-0010" (dusty-nv/jetson-inference#1398).
  if [ "$(board)" = jetson ] && grep -qs '^vi-output' /sys/class/video4linux/*/name; then echo argus; return; fi
  for program in rpicam-vid libcamera-vid; do
    if command -v "$program" >/dev/null && "$program" --list-cameras 2>&1 | grep -q '^ *0 :'; then echo libcamera; return; fi
  done
  if [ -n "$(usb_camera)" ]; then echo v4l2; else echo scene; fi
}

# Decoders and image processors are /dev/video* too; a link by id is made for USB cameras alone, and stays the same.
usb_camera() {
  local device
  for device in /dev/v4l/by-id/*-video-index0; do
    if [ -e "$device" ]; then echo "$device"; return; fi
  done
}

first_config() {
  local device='' from="type: $1"
  [ "$1" != v4l2 ] || [ -n "$root" ] || device=$(usb_camera)
  [ -z "$device" ] || from="$from, device: '$device'"
  cat <<TEXT
# Vedette's configuration. Every key with its default and a sentence: $home/config/vedette.example.yaml
# After a change: sudo vedette check && sudo systemctl reload vedette

mqtt:
  # A broker of its own that only this board can reach. For yours: delete the two lines and set url: mqtt://<address>:1883
  embedded:
    enabled: true

cameras:
  camera:
    source: { $from }
    zones:
      # All of the picture. Draw your own: corners [x, y] in fractions, origin top left.
      view: { points: [[0, 0], [1, 0], [1, 1], [0, 1]] }

rules:
  person-seen:
    trigger: { type: enter, zone: view }
    labels: [person]
TEXT
}

write_config() {
  first_config "$1" >"$config.new"
  chmod 0640 "$config.new"
  chown "0:$(id_of group vedette)" "$config.new"
  mv "$config.new" "$config"
}

install_files() {
  local kind source_type
  folder "$root/etc/vedette" 0750 root:vedette
  folder "$root/var/lib/vedette" 0750 vedette:vedette
  if [ ! -e "$config" ]; then
    source_type=${camera:-$(find_camera)}
    run "configuration: $config, camera: $source_type" write_config "$source_type"
  fi
  ! place "$source/systemd/vedette.service" "$unit" || units_changed=1
  kind=$(board)
  if [ "$kind" != other ]; then
    ! place "$source/systemd/vedette.service.d/$kind.conf" "$unit.d/50-$kind.conf" || units_changed=1
  fi
  ! place "$source/systemd/99-vedette.rules" "$rules" || rules_changed=1
  [ "$(readlink "$command" || true)" = "$home/scripts/vedette" ] || run "command: $command" link "$home/scripts/vedette" "$command"
  [ -L "$wanted" ] || [ -z "$root" ] || run 'service: starts with the system' link /etc/systemd/system/vedette.service "$wanted"
}

link() {
  mkdir -p "$(dirname "$2")"
  ln -sfn "$1" "$2"
}

start_service() {
  if [ -n "$rules_changed" ]; then
    run 'devices: new permissions' sh -c 'udevadm control --reload && udevadm trigger --subsystem-match=dma_heap --subsystem-match=usb || true'
  fi
  [ -z "$units_changed" ] || run 'service: new unit' systemctl daemon-reload
  systemctl is-enabled --quiet vedette.service 2>/dev/null || run 'service: starts with the system' systemctl enable --quiet vedette.service
  if [ "$changes" -gt 0 ] || ! systemctl is-active --quiet vedette.service; then
    run 'service: started' restart_service
  fi
}

# systemctl waits until the daemon has said that it is ready.
restart_service() {
  systemctl restart vedette.service && return
  if [ -n "$previous" ] && [ "$previous" != "$release" ] && [ -d "$root$previous" ]; then
    point_home "$previous"
    systemctl restart vedette.service || true
    fail 'the new code did not start, the old one is back; the reason: journalctl -u vedette -n 50'
  fi
  fail 'the service did not start; the reason: journalctl -u vedette -n 50'
}

install_all() {
  [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail 'needs root: sudo scripts/install.sh'
  check_board
  install_code
  install_users
  install_files
  [ -n "$root" ] || start_service
  [ -n "$dry" ] || [ "$source" = "$root$home" ] || remove_old_releases
  if [ "$changes" = 0 ]; then
    echo 'Nothing to do: everything is installed as it is in this checkout.'
  elif [ -z "$dry" ] && [ -z "$root" ]; then
    echo "Done. How it is: systemctl status vedette · what it says: journalctl -u vedette -f · what it watches: $config"
  fi
}

# --- Uninstall --------------------------------------------------------------------------------------------------------

take_away() {
  local path
  for path in "$@"; do
    if [ -e "$path" ] || [ -L "$path" ]; then run "removed: $path" rm -rf "$path"; fi
  done
}

uninstall_all() {
  [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail 'needs root: sudo scripts/install.sh uninstall'
  if [ -z "$root" ] && [ -e "$unit" ]; then
    run 'service: stopped' systemctl disable --now --quiet vedette.service
  fi
  take_away "$unit" "$unit.d"/50-{raspberry-pi,jetson}.conf "$wanted" "$rules" "$users" "$root$home.new"
  # shellcheck disable=SC2046 # one word per path: --root with a space in it is refused
  take_away $(releases)
  [ ! -d "$unit.d" ] || rmdir --ignore-fail-on-non-empty "$unit.d"
  # A command or a folder of somebody else stays.
  [ "$(readlink "$command" || true)" != "$home/scripts/vedette" ] || take_away "$command"
  if [ -L "$root$home" ]; then take_away "$root$home"; elif [ -e "$root$home" ]; then echo "stays: $root$home is a checkout of yours"; fi
  [ -n "$root" ] || [ "$changes" = 0 ] || run 'service: forgotten' systemctl daemon-reload
  if [ -n "$purge" ]; then
    take_away "$root"/{etc,var/lib,var/cache}/vedette
    if [ "$(id_of passwd vedette)" != 0 ]; then
      run 'user: vedette removed' userdel ${root:+--prefix "$root"} vedette
    fi
  fi
  if [ "$changes" = 0 ]; then
    echo 'Nothing to do: vedette is not installed.'
  elif [ -z "$purge" ]; then
    echo 'Configuration (/etc/vedette) and data (/var/lib/vedette) stay; --purge removes them too.'
  fi
}

"${action}_all"
