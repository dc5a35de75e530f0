// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/table.h"

namespace dmem::client {
namespace {

struct File {
  std::string cgroup;
  std::string name;
};

// "/team-a/dmem.max": the last component is the file. Throws CLI::ValidationError.
File FileOrThrow(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size()) {
    throw CLI::ValidationError(
        "FILE", absl::StrCat("\"", path, "\" is not CGROUP/FILE, such as /team-a/dmem.current"));
  }
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

absl::Status Cat(Session& session, const File& file) {
  v1::ReadFileRequest request;
  request.set_cgroup(file.cgroup);
  request.set_file(file.name);
  const auto response = session.client().ReadFile(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response, response->text());
  return absl::OkStatus();
}

absl::Status Write(Session& session, const std::string& path, const v1::WriteFileRequest& request) {
  const auto response = session.client().WriteFile(request);
  if (!response.ok()) return response.status();
  session.PrintResult(
      *response,
      absl::StrCat(Printable(path), " written: ", FormatByteSizeAndBytes(response->value()), "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddTextCommands(CLI::App& app, Command& command) {
  const std::string kFiles =
      "\nFiles are those of the kernel: dmem.capacity (of / only), dmem.current, dmem.peak,\n"
      "dmem.min, dmem.low, dmem.max (these four not of /).";
  CLI::App* cat = app.add_subcommand("cat", "Print a cgroup's file in the kernel's format");
  SetExamples(*cat, absl::StrCat("  dmemctl cat /dmem.capacity\n"
                                 "  dmemctl cat /team-a/dmem.current\n",
                                 kFiles));
  auto path = std::make_shared<std::string>();
  cat->add_option("FILE", *path, "CGROUP/FILE")->required();
  cat->callback([path, &command] {
    const File file = FileOrThrow(*path);
    command = [file](Session& session) { return Cat(session, file); };
  });

  CLI::App* write = app.add_subcommand("write", "Write a limit in the kernel's format");
  SetExamples(
      *write,
      absl::StrCat("  dmemctl write /team-a/dmem.max \"n1/gpu0 8G\"\n"
                   "  dmemctl write /team-a/dmem.min \"n1/gpu0 max\" --below-usage apply\n",
                   kFiles,
                   "\n\nThe text is the kernel's: K, M, G, T are powers of 1024 here, unlike "
                   "in other commands,\nwhere they are powers of 10."));
  auto text = std::make_shared<std::string>();
  auto below_usage = std::make_shared<std::string>();
  write->add_option("FILE", *path, "CGROUP/FILE")->required();
  write->add_option("TEXT", *text, "\"REGION VALUE\", one argument")->required();
  write
      ->add_option("--below-usage", *below_usage,
                   "A new max below usage: reject it (default), or apply it")
      ->check(CLI::IsMember({"reject", "apply"}));
  write->callback([path, text, below_usage, &command] {
    const File file = FileOrThrow(*path);
    v1::WriteFileRequest request;
    request.set_cgroup(file.cgroup);
    request.set_file(file.name);
    request.set_text(*text);
    if (*below_usage == "reject") request.set_below_usage(v1::BELOW_USAGE_POLICY_REJECT);
    if (*below_usage == "apply") request.set_below_usage(v1::BELOW_USAGE_POLICY_APPLY);
    command = [path, request](Session& session) { return Write(session, *path, request); };
  });
}

}  // namespace dmem::client
