#!/usr/bin/env bash
# Tests the kernels of 64-bit ARM on this machine, under emulation. Where the cross compiler, the emulator
# or Rust's library for the target is missing it says so in one line and succeeds.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

readonly TARGET=aarch64-unknown-linux-gnu
readonly LIBRARY=/usr/aarch64-linux-gnu

skip() {
  printf 'skipped: NEON kernels under emulation: %s\n' "$1" >&2
  exit 0
}

# The words of a message, not of a command.
readonly PACKAGES='gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static (Debian packages)'
command -v aarch64-linux-gnu-gcc >/dev/null || skip "no cross compiler; install $PACKAGES"
command -v qemu-aarch64-static >/dev/null || skip "no emulator; install $PACKAGES"
[[ -d $LIBRARY ]] || skip "no C library for the target; install $PACKAGES"
[[ -d $(rustc --print sysroot)/lib/rustlib/$TARGET ]] ||
  skip "Rust has no library for the target; rustup target add $TARGET"

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L $LIBRARY"
# Emulation is some thirty times slower than a processor: fewer random cases, all fixed ones.
export PROPTEST_CASES=${PROPTEST_CASES:-16}
cargo clippy --locked --quiet --target "$TARGET" -p linker-kernels --all-targets -- -D warnings
cargo test --locked --quiet --target "$TARGET" -p linker-kernels
