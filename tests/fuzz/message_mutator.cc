// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/message_mutator.h"

#include <iterator>

namespace dmem::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kDepthMax = 3;

constexpr uint64_t kNumbers[] = {0,
                                 1,
                                 2,
                                 3,
                                 7,
                                 64,
                                 255,
                                 256,
                                 999,
                                 1000,
                                 4096,
                                 0x7fffffff,
                                 0x80000000,
                                 0xffffffff,
                                 uint64_t{1} << 32,
                                 uint64_t{1} << 62,
                                 0x7fffffffffffffff,
                                 0x8000000000000000,
                                 0xfffffffffffffffe,
                                 0xffffffffffffffff};

const char* const kTexts[] = {"",           "/",
                              "/a",         "/a/b",
                              "/a/../b",    "//",
                              "@1",         "@0",
                              "gpu0",       "g1",
                              "a,b",        "max",
                              "gpu0 max\n", "%",
                              "{",          " ",
                              "\n",         "\u00e9",
                              "dmem.max",   "dmem.current",
                              "c1",         "18446744073709551616",
                              "-1"};

}  // namespace

void MessageMutator::Learn(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
          Learn(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                     : reflection.GetMessage(message, field));
          break;
        case FieldDescriptor::CPPTYPE_STRING:
          texts_[field->name()].push_back(field->is_repeated()
                                              ? reflection.GetRepeatedString(message, field, i)
                                              : reflection.GetString(message, field));
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          numbers_[field->name()].push_back(field->is_repeated()
                                                ? reflection.GetRepeatedUInt64(message, field, i)
                                                : reflection.GetUInt64(message, field));
          break;
        default:
          break;
      }
    }
  }
}

uint64_t MessageMutator::Number(const std::string& field) {
  const auto seen = numbers_.find(field);
  const size_t kind = Below(8);
  if (kind < 4 && seen != numbers_.end()) {
    return seen->second[Below(seen->second.size())] + (kind == 0 ? Below(3) - 1 : 0);
  }
  if (kind < 7) return kNumbers[Below(std::size(kNumbers))];
  return uint64_t{random_()} << Below(34);
}

std::string MessageMutator::Text(const std::string& field) {
  const auto seen = texts_.find(field);
  if (Below(8) < 5 && seen != texts_.end()) return seen->second[Below(seen->second.size())];
  std::string text = kTexts[Below(std::size(kTexts))];
  switch (Below(6)) {
    case 0:
      text.append(1 + Below(300), 'x');
      break;
    case 1:
      text.push_back(static_cast<char>(Below(128)));
      break;
    default:
      break;
  }
  return text;
}

void MessageMutator::SetScalar(Message* message, const FieldDescriptor* field, bool is_element) {
  const Reflection& reflection = *message->GetReflection();
  const int index =
      is_element
          ? static_cast<int>(Below(static_cast<size_t>(reflection.FieldSize(*message, field))))
          : 0;
  const bool is_added = field->is_repeated() && !is_element;
  const auto set = [&](auto put, auto put_element, auto add, auto value) {
    if (is_added) return (reflection.*add)(message, field, value);
    if (is_element) return (reflection.*put_element)(message, field, index, value);
    return (reflection.*put)(message, field, value);
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return set(&Reflection::SetInt32, &Reflection::SetRepeatedInt32, &Reflection::AddInt32,
                 static_cast<int32_t>(Number(field->name())));
    case FieldDescriptor::CPPTYPE_UINT32:
      return set(&Reflection::SetUInt32, &Reflection::SetRepeatedUInt32, &Reflection::AddUInt32,
                 static_cast<uint32_t>(Number(field->name())));
    case FieldDescriptor::CPPTYPE_INT64:
      return set(&Reflection::SetInt64, &Reflection::SetRepeatedInt64, &Reflection::AddInt64,
                 static_cast<int64_t>(Number(field->name())));
    case FieldDescriptor::CPPTYPE_UINT64:
      return set(&Reflection::SetUInt64, &Reflection::SetRepeatedUInt64, &Reflection::AddUInt64,
                 Number(field->name()));
    case FieldDescriptor::CPPTYPE_BOOL:
      return set(&Reflection::SetBool, &Reflection::SetRepeatedBool, &Reflection::AddBool,
                 Below(2) == 0);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return set(&Reflection::SetDouble, &Reflection::SetRepeatedDouble, &Reflection::AddDouble,
                 static_cast<double>(static_cast<int64_t>(Number(field->name()))));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return set(&Reflection::SetFloat, &Reflection::SetRepeatedFloat, &Reflection::AddFloat,
                 static_cast<float>(static_cast<int64_t>(Number(field->name()))));
    case FieldDescriptor::CPPTYPE_ENUM:
      // Also numbers that are not defined: proto3 keeps them.
      return set(
          &Reflection::SetEnumValue, &Reflection::SetRepeatedEnumValue, &Reflection::AddEnumValue,
          static_cast<int>(Below(static_cast<size_t>(field->enum_type()->value_count()) + 2)));
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = Text(field->name());
      if (is_added) return reflection.AddString(message, field, text);
      if (is_element) return reflection.SetRepeatedString(message, field, index, text);
      return reflection.SetString(message, field, text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return;
  }
}

void MessageMutator::Fill(Message* message) { Fill(message, 0); }

void MessageMutator::Fill(Message* message, int depth) {
  const google::protobuf::Descriptor& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (Below(2) == 0) continue;
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      SetScalar(message, field, /*is_element=*/false);
    } else if (depth < kDepthMax) {
      const Reflection& reflection = *message->GetReflection();
      Fill(field->is_repeated() ? reflection.AddMessage(message, field)
                                : reflection.MutableMessage(message, field),
           depth + 1);
    }
  }
}

void MessageMutator::Mutate(Message* message) {
  const google::protobuf::Descriptor& type = *message->GetDescriptor();
  if (type.field_count() == 0) return;
  const Reflection& reflection = *message->GetReflection();
  const FieldDescriptor* field =
      type.field(static_cast<int>(Below(static_cast<size_t>(type.field_count()))));
  const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (!field->is_repeated()) {
    if (Below(8) == 0) return reflection.ClearField(message, field);
    if (!is_message) return SetScalar(message, field, /*is_element=*/false);
    const bool is_new = !reflection.HasField(*message, field);
    Message* child = reflection.MutableMessage(message, field);
    return is_new ? Fill(child, 1) : Mutate(child);
  }
  const int count = reflection.FieldSize(*message, field);
  const size_t kind = Below(8);
  if (count > 0 && kind == 0) return reflection.RemoveLast(message, field);
  if (count > 1 && kind == 1) {
    return reflection.SwapElements(message, field, 0, count - 1);
  }
  if (count > 0 && kind < 6) {
    if (!is_message) return SetScalar(message, field, /*is_element=*/true);
    return Mutate(reflection.MutableRepeatedMessage(
        message, field, static_cast<int>(Below(static_cast<size_t>(count)))));
  }
  if (!is_message) return SetScalar(message, field, /*is_element=*/false);
  Message* child = reflection.AddMessage(message, field);
  // Often one that is there already, a little changed.
  if (count > 0 && kind == 6) child->CopyFrom(reflection.GetRepeatedMessage(*message, field, 0));
  return kind == 6 ? Mutate(child) : Fill(child, 1);
}

}  // namespace dmem::fuzz
