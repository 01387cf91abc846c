// SPDX-License-Identifier: MIT
//
// main.cpp — the test runner: doctest's, which every suite is linked to.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
