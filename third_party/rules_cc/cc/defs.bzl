# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

"""The names that Bazel 4.2 resolves in @rules_cc, each of them the native rule."""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
objc_import = native.objc_import
objc_library = native.objc_library

# Loaded by Bazel's embedded tools, used by nothing here.
cc_flags_supplier = None
compiler_flag = None
