# How the end-to-end scripts count: sourced after lib.sh by those that are no drill.
# shellcheck shell=bash
passed=0 failed=0
step() { # step WHAT COMMAND...
  local what=$1; shift
  if "$@"; then say "ok: $what"; passed=$((passed + 1)); else say "FAILED: $what"; failed=$((failed + 1)); fi
}
finish() { echo "$passed passed, $failed failed"; [ "$failed" = 0 ]; exit; }
must() { local before=$failed; step "$@"; [ "$failed" = "$before" ] || finish; }
# until_ok SECONDS WHAT COMMAND...: wait_until that does not end the script
until_ok() { (wait_until "$@"); }
on_all() { # on_all COMMAND...: with each node that has power as the last argument
  local n
  for n in $NODES; do if is_on "$n"; then "$@" "$n" || return 1; fi; done
}

# the_package [DEB]: prints the path of the package, which is made when none is named
the_package() {
  local deb=${1-}
  if [ -z "$deb" ]; then
    (cd "$PROJECT" && node packaging/build.mjs --only deb) > /dev/null || die "the package could not be made"
    deb=$(ls "$PROJECT"/dist/packages/instance-ha_*.deb) || die "no package in dist/packages"
  fi
  readlink -e "$deb" || die "there is no $deb"
}
