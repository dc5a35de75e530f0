# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

"""C++ from protos, with the installed protoc and gRPC plugin."""

# Protos are named from here: import "dmem/v1/limits.proto", #include "dmem/v1/limits.pb.h".
_ROOT = "proto"

_ProtoSources = provider(fields = {"transitive": "depset of the .proto files that may be imported"})

def _generate_impl(ctx):
    sources = depset(
        ctx.files.srcs,
        transitive = [dep[_ProtoSources].transitive for dep in ctx.attr.deps],
    )
    out_root = ctx.bin_dir.path + "/" + _ROOT
    extensions = [".pb"] + ([".grpc.pb"] if ctx.attr.grpc else [])
    headers, implementations = [], []
    arguments = ctx.actions.args()
    arguments.add("--proto_path=" + _ROOT)
    arguments.add("--cpp_out=" + out_root)
    tools = [ctx.file._protoc]
    if ctx.attr.grpc:
        arguments.add(ctx.file._plugin, format = "--plugin=protoc-gen-grpc=%s")
        arguments.add("--grpc_out=generate_mock_code=true:" + out_root)
        tools.append(ctx.file._plugin)
    for source in ctx.files.srcs:
        if not source.path.startswith(_ROOT + "/"):
            fail("%s is not under %s/" % (source.path, _ROOT))
        stem = source.path[len(ctx.label.package) + 1:-len(".proto")]
        for extension in extensions:
            headers.append(ctx.actions.declare_file(stem + extension + ".h"))
            implementations.append(ctx.actions.declare_file(stem + extension + ".cc"))
        if ctx.attr.grpc:
            headers.append(ctx.actions.declare_file(stem + "_mock.grpc.pb.h"))
        arguments.add(source)
    if ctx.files.srcs:
        ctx.actions.run(
            executable = ctx.file._protoc,
            arguments = [arguments],
            inputs = sources,
            tools = tools,
            outputs = headers + implementations,
            mnemonic = "ProtoCompile",
            progress_message = "Generating C++ from %{label}",
        )
    return [
        DefaultInfo(files = depset(headers + implementations)),
        OutputGroupInfo(headers = depset(headers), implementations = depset(implementations)),
        _ProtoSources(transitive = sources),
    ]

_generate = rule(
    implementation = _generate_impl,
    attrs = {
        "srcs": attr.label_list(allow_files = [".proto"]),
        "deps": attr.label_list(providers = [_ProtoSources]),
        "grpc": attr.bool(),
        "_protoc": attr.label(
            default = "@system//:bin/protoc",
            allow_single_file = True,
            executable = True,
            cfg = "exec",
        ),
        "_plugin": attr.label(
            default = "@system//:bin/grpc_cpp_plugin",
            allow_single_file = True,
            executable = True,
            cfg = "exec",
        ),
    },
)

def _generated(label):
    """The label of the generation behind a dmem_proto_library."""
    if ":" in label:
        return label + "_generated"
    return label + ":" + label.rpartition("/")[2] + "_generated"

def dmem_proto_library(name, srcs, deps = [], grpc = False, visibility = None):
    """Declares a cc_library with the C++ generated from protos.

    Headers are included as a proto is imported, from proto/: "dmem/v1/limits.pb.h", and with grpc
    "dmem/v1/limits.grpc.pb.h" and, for tests, "dmem/v1/limits_mock.grpc.pb.h".

    Args:
      name: of the cc_library.
      srcs: .proto files of this package, which is proto or below it.
      deps: other dmem_proto_library targets whose protos are imported. The well-known types of
        google/protobuf need none.
      grpc: also generate services and their mocks.
      visibility: of the target.
    """
    package = native.package_name()
    if package != _ROOT and not package.startswith(_ROOT + "/"):
        fail("dmem_proto_library is for packages under //%s, not //%s" % (_ROOT, package))
    _generate(
        name = name + "_generated",
        srcs = srcs,
        deps = [_generated(dep) for dep in deps],
        grpc = grpc,
        visibility = visibility,
    )
    for group in ["headers", "implementations"]:
        native.filegroup(
            name = name + "_" + group,
            srcs = [":" + name + "_generated"],
            output_group = group,
            visibility = ["//visibility:private"],
        )
    native.cc_library(
        name = name,
        srcs = [":" + name + "_implementations"] if srcs else [],
        hdrs = [":" + name + "_headers"] if srcs else [],
        # Our warning flags are for code that we can edit.
        copts = ["-w"],
        visibility = visibility,
        deps = deps + [
            "//%s:include_root" % _ROOT,
            "//third_party:protobuf",
        ] + (["//third_party:grpc++"] if grpc else []),
    )
