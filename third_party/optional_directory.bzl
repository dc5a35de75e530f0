# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

"""Data that may lie beside the checkout."""

def _optional_directory_impl(ctx):
    beside = ctx.path(Label("//:WORKSPACE")).dirname.dirname.get_child(ctx.name)
    build = ['package(default_visibility = ["//visibility:public"])']
    for part in ctx.attr.parts:
        if beside.get_child(part).exists:
            ctx.symlink(beside.get_child(part), part)
        build.append('filegroup(name = "%s", srcs = glob(["%s/**"], allow_empty = True))' %
                     (part, part))
    ctx.file("BUILD.bazel", "\n".join(build) + "\n")

# Makes the directory ../NAME, if there is one, available to tests as data: @NAME//:PART holds the
# files of ../NAME/PART, and is empty where that does not exist. A test that has it in its data finds
# the files at ../NAME/PART, relative to the directory that it is started in; without them it must
# skip, visibly. Whether the directory exists is looked at when Bazel's server starts.
optional_directory = repository_rule(
    implementation = _optional_directory_impl,
    attrs = {"parts": attr.string_list()},
    local = True,
)
