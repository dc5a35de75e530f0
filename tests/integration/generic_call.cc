// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/integration/generic_call.h"

#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <vector>

namespace dmem::server {

namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

grpc::Status GenericCall(const std::string& address, const std::string& method,
                         const std::string& request, std::string* response) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  // A stream of one message each way is on the wire what a unary call is.
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call =
      stub.PrepareCall(&context, method, &queue);
  const auto next = [&] { return queue.Next(&tag, &ok) && ok; };
  grpc::ByteBuffer received;
  grpc::Status status;
  call->StartCall(nullptr);
  if (next()) {
    call->WriteLast(ToBuffer(request), grpc::WriteOptions(), nullptr);
    if (next()) {
      call->Read(&received, nullptr);
      if (next()) *response = FromBuffer(received);
    }
  }
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return status;
}

}  // namespace dmem::server
