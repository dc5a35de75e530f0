# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

"""A library that Debian installs: headers in /usr/include, linked by name."""

def system_library(name, libs = [], link_always = False, deps = [], **kwargs):
    """Declares a cc_library that links installed libraries.

    Args:
      name: of the target.
      libs: names as after -l, users before what they use.
      link_always: keep the libraries even if no symbol of them is used.
      deps: other system libraries.
      **kwargs: passed to cc_library.
    """
    keep = "--no-as-needed" if link_always else "--as-needed"
    native.cc_library(
        name = name,
        linkopts = ["-Wl,--push-state," + keep] +
                   ["-l" + lib for lib in libs] +
                   ["-Wl,--pop-state"] if libs else [],
        deps = deps,
        **kwargs
    )
