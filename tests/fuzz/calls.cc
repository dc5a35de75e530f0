// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/calls.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dmem/v1/quota_service.pb.h"
#include "tests/fuzz/message_mutator.h"

namespace dmem::fuzz {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr size_t kCallsMax = 200;

// The requests of all RPCs, and Duration.
const std::vector<const Descriptor*>& Types() {
  static const auto* types = [] {
    auto* all = new std::vector<const Descriptor*>{google::protobuf::Duration::descriptor()};
    const google::protobuf::ServiceDescriptor* service =
        v1::ChargeRequest::descriptor()->file()->pool()->FindServiceByName("dmem.v1.QuotaService");
    for (int i = 0; i < service->method_count(); ++i) {
      all->push_back(service->method(i)->input_type());
    }
    return all;
  }();
  return *types;
}

std::unique_ptr<Message> NewOf(const Descriptor* type) {
  const Message* prototype = MessageFactory::generated_factory()->GetPrototype(type);
  return std::unique_ptr<Message>(prototype->New());
}

class Silent final : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

}  // namespace

Calls ParseCalls(absl::string_view text) {
  Calls calls;
  Silent silent;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&silent);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    const auto type =
        std::find_if(Types().begin(), Types().end(),
                     [&parts](const Descriptor* each) { return each->name() == parts[0]; });
    if (type == Types().end() || calls.size() >= kCallsMax) continue;
    std::unique_ptr<Message> call = NewOf(*type);
    if (parts.size() > 1 && !parser.ParseFromString(std::string(parts[1]), call.get())) continue;
    calls.push_back(std::move(call));
  }
  return calls;
}

std::string FormatCalls(const Calls& calls) {
  std::string text;
  for (const auto& call : calls) {
    absl::StrAppend(&text, call->GetDescriptor()->name(), " ", call->ShortDebugString(), "\n");
  }
  return text;
}

void MutateCalls(unsigned seed, Calls* calls) {
  MessageMutator mutator(seed);
  for (const auto& call : *calls) mutator.Learn(*call);
  const size_t changes = 1 + mutator.Below(4);
  for (size_t i = 0; i < changes; ++i) {
    const size_t at = mutator.Below(calls->size() + 1);
    const size_t kind = calls->empty() ? 0 : mutator.Below(10);
    if (kind == 0) {
      std::unique_ptr<Message> call = NewOf(Types()[mutator.Below(Types().size())]);
      mutator.Fill(call.get());
      calls->insert(calls->begin() + static_cast<std::ptrdiff_t>(at), std::move(call));
      continue;
    }
    std::unique_ptr<Message>& call = (*calls)[std::min(at, calls->size() - 1)];
    if (kind == 1) {
      std::swap(call, (*calls)[mutator.Below(calls->size())]);
    } else if (kind == 2) {
      calls->erase(calls->begin() + static_cast<std::ptrdiff_t>(std::min(at, calls->size() - 1)));
    } else if (kind == 3) {
      std::unique_ptr<Message> again(call->New());
      again->CopyFrom(*call);
      calls->push_back(std::move(again));
    } else {
      mutator.Mutate(call.get());
    }
  }
}

}  // namespace dmem::fuzz
