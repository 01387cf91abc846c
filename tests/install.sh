# SPDX-License-Identifier: MIT
#
# Sourced by examples/run and tests/run: finds what the machine lacks and installs it with the
# system's package manager, apt-get (as root, or through sudo) or brew. Says so before it does.
#
#   require TOOL…   exits 2 with the one line to type where installing is not possible
#   obtain TOOL…    for what only an optional stage needs: returns 1 instead

PATH=$PATH:/opt/homebrew/bin:/usr/local/bin # where a new Homebrew stands before PATH knows it

have() { command -v "$1" >/dev/null 2>&1; }

# Apple clang does not look for headers where Homebrew puts them.
if have brew; then
  CPLUS_INCLUDE_PATH=$(brew --prefix)/include${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH}
  export CPLUS_INCLUDE_PATH
fi

# Is tool $1 here, in working order?
works() {
  case $1 in
    compiler) ${CXX:-c++} --version ;;
    doctest) ${CXX:-c++} -E -x c++ -include doctest/doctest.h /dev/null ;;
    aiohttp) python_with aiohttp ;;
    clang) newest_clang ;;
    libuv | libevent | libcurl) pkg-config --exists "$1" ;;
    openssl3) pkg-config --exists 'openssl >= 3' && have openssl ;;
    asio) echo '#include <asio.hpp>' | ${CXX:-c++} -E -x c++ - ;;
    *) have "$1" ;;
  esac >/dev/null 2>&1
}

# What the package manager calls tool $1.
packages_of() {
  if have apt-get; then
    case $1 in
      compiler) echo g++ ;;
      ninja) echo ninja-build ;;
      doctest) echo doctest-dev ;;
      aiohttp) echo python3-aiohttp ;;
      clang) echo clang-19 libclang-rt-19-dev ;;
      nginx) echo nginx-light ;;
      libuv) echo libuv1-dev ;;
      libevent) echo libevent-dev ;;
      libcurl) echo libcurl4-openssl-dev ;;
      openssl3) echo libssl-dev openssl ;;
      asio) echo libasio-dev ;;
      pgrep) echo procps ;;
      node) echo nodejs ;;
      *) echo "$1" ;;
    esac
  else
    case $1 in
      clang) echo llvm ;;
      openssl3) echo openssl@3 ;;
      npm) echo node ;;
      libcurl) echo curl ;;
      *) echo "$1" ;;
    esac
  fi
}

# The one line that installs packages $*, as this user has to type it.
install_line() {
  local apt="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y"
  apt="$apt --no-install-recommends $*"
  if have apt-get && [ "$(id -u)" = 0 ]; then echo "$apt"
  elif have apt-get && have sudo; then echo "sudo sh -c '$apt'"
  elif have apt-get; then echo "su -c '$apt'"
  elif [ "$(uname)" = Darwin ] && ! works compiler; then echo 'xcode-select --install'
  elif have brew; then echo "brew install $*"
  elif [ "$(uname)" = Darwin ]; then
    echo '/bin/bash -c "$(curl -fsSL https://raw.githubusercontent.com/Homebrew/install/HEAD/install.sh)"'
  else echo "# with your system's package manager, install: $*"
  fi
}

obtain() {
  local tool
  missing=
  for tool; do works "$tool" || missing="$missing $tool"; done
  [ -n "$missing" ] || return 0

  line=$(install_line $(for tool in $missing; do packages_of "$tool"; done))
  case $line in su\ * | /* | xcode* | \#*) return 1 ;; esac # for somebody to type, not for a script
  echo "missing:$missing; installing:"
  echo "  $line"
  sh -c "$line" || {
    case $line in sudo\ *) line="$line  # or, without sudo: su -c ${line#sudo sh -c }" ;; esac
    return 1
  }
  for tool in $missing; do works "$tool" || return 1; done
}

require() {
  [ -z "${CXX:-}" ] || works compiler || { echo "$0: CXX=$CXX is not a compiler here" >&2; exit 2; }
  obtain "$@" || {
    echo "$0 needs:$missing. Please type this line, then start it again:"
    echo "$line"
    exit 2
  } >&2
}

# The first python that has module $1.
python_with() {
  local python
  for python in python3 /usr/bin/python3 "$PWD/build/venv/bin/python3"; do
    "$python" -c "import $1" 2>/dev/null && echo "$python" && return
  done
  return 1
}

# clang++-19 if it is here, else the newest that is at least clang 16, or Apple's 15.
newest_clang() {
  local version
  for version in 19 22 21 20 18 17 16; do
    have clang++-$version && echo clang++-$version && return
  done
  version=$(clang++ -dumpversion 2>/dev/null) && [ "${version%%.*}" -ge 15 ] && echo clang++
}
