// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/testing/disk_model.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem::server {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSectorBytes = 512;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

void WriteAll(const std::string& path, const std::string& contents) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
}

uint64_t UpTo(std::mt19937_64& random, uint64_t limit) {
  return std::uniform_int_distribution<uint64_t>(0, limit)(random);
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string NormalizedPath(absl::string_view path) {
  std::string result;
  for (char c : path) {
    if (c != '/' || result.empty() || result.back() != '/') result.push_back(c);
  }
  if (result.size() > 1 && result.back() == '/') result.pop_back();
  return result;
}

struct DiskModel::File {
  ~File() {
    std::error_code ignored;
    if (!side_path.empty()) fs::remove(side_path, ignored);
  }

  // What stood at `offset` before a change that is not synced.
  struct Undo {
    uint64_t offset;
    std::string bytes;
  };

  bool is_directory = false;
  std::string side_path;  // A hard link that stays until no name, durable or not, is left.
  uint64_t size = 0;
  uint64_t durable_size = 0;
  std::vector<Undo> undo;  // In order of the changes.

  std::string DurableContents(std::mt19937_64* random) const {
    std::string contents = ReadAll(side_path);
    const uint64_t written_size = contents.size();
    for (auto it = undo.rbegin(); it != undo.rend(); ++it) {
      if (contents.size() < it->offset + it->bytes.size()) {
        // A truncation: it happened or it did not.
        if (random != nullptr && UpTo(*random, 1) == 0) continue;
        contents.resize(it->offset + it->bytes.size());
      }
      for (uint64_t at = 0; at < it->bytes.size(); at += kSectorBytes) {
        if (random != nullptr && written_size == durable_size && UpTo(*random, 1) == 0) continue;
        contents.replace(it->offset + at, std::min(kSectorBytes, it->bytes.size() - at), it->bytes,
                         at, kSectorBytes);
      }
    }
    if (contents.size() <= durable_size) return contents;
    const uint64_t unsynced = contents.size() - durable_size;
    const uint64_t kept = random != nullptr ? UpTo(*random, unsynced) : 0;
    contents.resize(durable_size + kept);
    // File systems write in any order: a later sector may be there and an earlier one not.
    if (kept > 0 && UpTo(*random, 3) == 0) {
      for (uint64_t at = durable_size; at < contents.size(); at += kSectorBytes) {
        const uint64_t end = std::min<uint64_t>(at + kSectorBytes, contents.size());
        if (UpTo(*random, 1) == 0) std::fill(contents.begin() + at, contents.begin() + end, '\0');
      }
    }
    return contents;
  }
};

DiskModel::DiskModel(const std::string& root)
    : root_(NormalizedPath(root)), side_directory_(absl::StrCat(root_, ".unsynced")) {
  fs::remove_all(side_directory_);
  fs::create_directories(side_directory_);
  directories_[root_];
  if (fs::is_directory(root_)) Adopt(root_);
}

DiskModel::~DiskModel() {
  directories_.clear();
  current_.clear();
  std::error_code ignored;
  fs::remove_all(side_directory_, ignored);
}

bool DiskModel::Inside(const std::string& path) const {
  return absl::StartsWith(path, absl::StrCat(root_, "/"));
}

DiskModel::FilePtr DiskModel::NewFile(const std::string& path, uint64_t durable_size,
                                      bool is_directory) {
  auto file = std::make_shared<File>();
  file->is_directory = is_directory;
  file->size = durable_size;
  file->durable_size = durable_size;
  if (!is_directory) {
    file->side_path = absl::StrCat(side_directory_, "/", next_file_++);
    fs::create_hard_link(path, file->side_path);
  }
  return file;
}

void DiskModel::Adopt(const std::string& directory) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string path = NormalizedPath(entry.path().string());
    const bool is_directory = entry.is_directory();
    FilePtr file = NewFile(path, is_directory ? 0 : entry.file_size(), is_directory);
    current_[path] = file;
    directories_[directory].durable[BaseName(path)] = file;
    if (is_directory) {
      directories_[path];
      Adopt(path);
    }
  }
}

DiskModel::Directory& DiskModel::ParentOf(const std::string& path) {
  return directories_[path.substr(0, path.rfind('/'))];
}

DiskModel::FilePtr DiskModel::Find(const std::string& path) const {
  const auto it = current_.find(path);
  return it == current_.end() ? nullptr : it->second;
}

DiskModel::FilePtr DiskModel::Created(const std::string& path) {
  if (!Inside(path)) return nullptr;
  FilePtr file = NewFile(path, 0, /*is_directory=*/false);
  current_[path] = file;
  ParentOf(path).pending.push_back({{{BaseName(path), file}}, {}});
  return file;
}

void DiskModel::DirectoryCreated(const std::string& path) {
  if (!Inside(path) || Find(path) != nullptr) return;
  FilePtr file = NewFile(path, 0, /*is_directory=*/true);
  current_[path] = file;
  directories_[path] = Directory();
  ParentOf(path).pending.push_back({{{BaseName(path), file}}, {}});
}

void DiskModel::Deleted(const std::string& path) {
  if (current_.erase(path) == 0) return;
  ParentOf(path).pending.push_back({{}, {BaseName(path)}});
}

void DiskModel::DirectoryDeleted(const std::string& path) { Deleted(path); }

void DiskModel::Renamed(const std::string& from, const std::string& to) {
  const auto it = current_.find(from);
  if (it == current_.end()) return;
  const FilePtr file = it->second;
  current_.erase(it);
  current_[to] = file;
  Directory& source = ParentOf(from);
  Directory& target = ParentOf(to);
  if (&source == &target) {
    target.pending.push_back({{{BaseName(to), file}}, {BaseName(from)}});
    return;
  }
  target.pending.push_back({{{BaseName(to), file}}, {}});
  source.pending.push_back({{}, {BaseName(from)}});
}

void DiskModel::Linked(const std::string& from, const std::string& to) {
  const FilePtr file = Find(from);
  if (file == nullptr) return;
  current_[to] = file;
  ParentOf(to).pending.push_back({{{BaseName(to), file}}, {}});
}

void DiskModel::DirectorySynced(const std::string& path) {
  const auto it = directories_.find(path);
  if (it == directories_.end()) return;
  Directory& directory = it->second;
  for (const Names& names : directory.pending) {
    for (const std::string& name : names.unset) directory.durable.erase(name);
    for (const auto& [name, file] : names.set) directory.durable[name] = file;
  }
  directory.pending.clear();
}

void DiskModel::Appended(File& file, uint64_t bytes) { file.size += bytes; }

void DiskModel::Overwriting(File& file, uint64_t offset, uint64_t bytes) {
  const std::string contents = ReadAll(file.side_path);
  if (offset < contents.size()) file.undo.push_back({offset, contents.substr(offset, bytes)});
  file.size = std::max(file.size, offset + bytes);
}

void DiskModel::Truncating(File& file, uint64_t size) {
  const std::string contents = ReadAll(file.side_path);
  if (size < contents.size()) file.undo.push_back({size, contents.substr(size)});
  file.size = size;
}

void DiskModel::Synced(File& file) {
  file.durable_size = file.size;
  file.undo.clear();
}

void DiskModel::Settle(std::mt19937_64* random) {
  // First the names, then all bytes into files of their own (a file may have two names), then out
  // with everything that the model knows, and in with what is left.
  std::map<std::string, FilePtr> left;
  std::vector<std::string> directories_left;
  for (auto& [path, directory] : directories_) {
    const size_t kept = random != nullptr ? UpTo(*random, directory.pending.size()) : size_t{0};
    directory.pending.resize(kept);
    DirectorySynced(path);
  }
  std::vector<std::string> to_visit = {root_};
  while (!to_visit.empty()) {
    const std::string path = to_visit.back();
    to_visit.pop_back();
    for (const auto& [name, file] : directories_[path].durable) {
      const std::string child = absl::StrCat(path, "/", name);
      if (file->is_directory) {
        directories_left.push_back(child);
        to_visit.push_back(child);
      } else {
        left[child] = file;
      }
    }
  }
  std::map<File*, std::string> staged;
  for (const auto& [path, file] : left) {
    if (staged.count(file.get()) > 0) continue;
    const std::string stage = absl::StrCat(side_directory_, "/staged-", staged.size());
    WriteAll(stage, file->DurableContents(random));
    staged[file.get()] = stage;
  }
  for (const auto& [path, file] : current_) {
    if (!file->is_directory) fs::remove(path);
  }
  for (const auto& [path, file] : current_) {
    const bool stays =
        std::find(directories_left.begin(), directories_left.end(), path) != directories_left.end();
    if (file->is_directory && !stays) fs::remove_all(path);
  }
  for (const std::string& path : directories_left) fs::create_directories(path);
  for (const auto& [path, file] : left) {
    if (fs::exists(path)) fs::remove(path);
    fs::create_hard_link(staged[file.get()], path);
  }
}

}  // namespace dmem::server
