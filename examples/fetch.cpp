// SPDX-License-Identifier: MIT
//
// fetch.cpp — a small curl: sends a request to each URL, and writes what comes to stdout. It never
// hangs: connecting takes 10 s at most, so does the waiting for an answer, and a body that moves by
// less than 1,000 bytes in 10 s is given up.
//
//   fetch [-X METHOD] [-d DATA] [--data-binary @FILE] [-H 'Name: value'] [-I] [-i] [-s] [-o FILE]
//         [--fail] [--max-time S] [-k] [--cacert FILE] URL...
#include <net/http.hpp>
#include <net/net.hpp>
#include <reactor/reactor.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace http = hob::http;
using namespace std::chrono_literals;

struct Options {
  std::string method, data;
  bool has_data = false, head = false, include = false, silent = false, fail = false;
  http::Headers headers;
  std::vector<std::string> outputs, urls;  // each URL has the output of its number, or stdout
  hob::Duration max_time = hob::Duration::max();
  bool insecure = false;
  std::string ca_file;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct WriteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// As curl's: @- is stdin, and -d @FILE leaves out the ends of lines.
std::string data_of(const std::string& argument, bool binary) {
  if (!argument.starts_with('@')) return argument;
  std::ifstream file(argument == "@-" ? "/dev/stdin" : argument.substr(1), std::ios::binary);
  if (!file) throw UsageError("cannot read " + argument.substr(1));
  std::string data(std::istreambuf_iterator<char>(file), {});
  if (!binary) std::erase_if(data, [](char c) { return c == '\r' || c == '\n'; });
  return data;
}

hob::Duration seconds_of(const std::string& text) {
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  if (text.empty() || *end || !(seconds > 0)) throw UsageError("no number of seconds: " + text);
  return seconds > 1e9 ? hob::Duration::max() : hob::Duration(std::llround(seconds * 1e9));
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  bool only_urls = false;
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    const std::string& argument = *at;
    const auto value = [&]() -> const std::string& {
      if (++at == arguments.end()) throw UsageError(argument + " needs a value");
      return *at;
    };
    if (only_urls || !argument.starts_with('-') || argument == "-") {
      options.urls.push_back(argument);
    } else if (argument == "--") {
      only_urls = true;
    } else if (argument == "-X") {
      options.method = value();
    } else if (argument == "-d" || argument == "--data-binary") {
      const std::string data = data_of(value(), argument != "-d");
      options.data.append(options.has_data ? "&" : "").append(data);
      options.has_data = true;
    } else if (argument == "-H") {
      const std::string& field = value();
      const std::size_t colon = field.find(':');
      if (colon == field.npos) throw UsageError("no 'Name: value': " + field);
      options.headers.add(field.substr(0, colon), field.substr(colon + 1));
    } else if (argument == "-I") {
      options.head = true;
    } else if (argument == "-i") {
      options.include = true;
    } else if (argument == "-s") {
      options.silent = true;
    } else if (argument == "-o") {
      options.outputs.push_back(value());
    } else if (argument == "--fail") {
      options.fail = true;
    } else if (argument == "--max-time") {
      options.max_time = seconds_of(value());
    } else if (argument == "-k" || argument == "--insecure") {
      options.insecure = true;
    } else if (argument == "--cacert") {
      options.ca_file = value();
    } else {
      throw UsageError("no such option: " + argument);
    }
  }
  if (options.urls.empty()) throw UsageError("no URL");
  if (options.head && options.has_data) throw UsageError("-I and -d exclude each other");
  return options;
}

http::Request request_of(const Options& options, const std::string& url) {
  http::Request request(options.head ? "HEAD" : options.has_data ? "POST" : "GET", url, options.data);
  if (!options.method.empty()) request.method = options.method;
  request.headers = options.headers;
  if (options.has_data && !request.headers.contains("Content-Type")) {
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  }
  if (url.find("://") == url.npos) request.url = "http://" + url;
  return request;
}

// A line on stderr that is written over and over.
class Progress {
 public:
  Progress(bool shown, std::optional<std::string_view> length) : shown_(shown) {
    if (length) total_ = std::strtoull(std::string(*length).c_str(), nullptr, 10);
  }
  ~Progress() {
    if (shown_) std::cerr << std::endl;
  }
  void add(std::size_t bytes) {
    done_ += bytes;
    const auto now = hob::Clock::now();
    if (!shown_ || (now - last_ < 100ms && done_ != total_)) return;
    last_ = now;
    char line[80];
    const double part = total_ ? static_cast<double>(done_) / static_cast<double>(total_) : 0;
    const std::string bar(static_cast<std::size_t>(std::clamp(part, 0., 1.) * 40), '#');
    std::snprintf(line, sizeof line, "\r[%-40s] %9.1f KiB", bar.c_str(), static_cast<double>(done_) / 1024);
    std::cerr << line << std::flush;
  }

 private:
  bool shown_;
  std::uint64_t done_ = 0, total_ = 0;
  hob::TimePoint last_{};
};

hob::Future<> fetch(http::Session& session, const Options& options, std::size_t number) {
  auto response = co_await session.open(request_of(options, options.urls[number]));
  if (options.fail) response.raise_for_status();

  const bool to_file = number < options.outputs.size() && options.outputs[number] != "-";
  std::ofstream file;
  if (to_file) file.open(options.outputs[number], std::ios::binary | std::ios::trunc);
  std::ostream& out = to_file ? file : std::cout;
  const bool shown = !options.silent && isatty(STDERR_FILENO) && (to_file || !isatty(STDOUT_FILENO));
  Progress progress(shown && !options.head, response.headers.get("Content-Length"));

  if (options.head || options.include) {
    out << "HTTP/1.1 " << response.status << ' ' << response.reason << "\r\n";
    out << response.headers.wire() << "\r\n";
  }
  for (;;) {
    const std::string piece = co_await response.source();
    if (piece.empty() || !out.write(piece.data(), static_cast<std::streamsize>(piece.size()))) break;
    progress.add(piece.size());
  }
  if (!out.flush()) throw WriteError("cannot write to " + (to_file ? options.outputs[number] : "stdout"));
}

// Exit codes are curl's, where it has one.
hob::Future<int> fetch_all(Options options) {
  http::SessionOptions limits;
  limits.io = 10s;
  limits.total = options.max_time;
  limits.tls.dangerously_accept_any_certificate = options.insecure;
  if (!options.ca_file.empty()) limits.tls.ca_file = options.ca_file.c_str();
  http::Session session(limits);
  int code = 0;
  for (std::size_t number = 0; number != options.urls.size(); ++number) {
    std::string error;
    try {
      co_await fetch(session, options, number);
    } catch (const http::StatusError& e) {
      code = 22, error = e.what();
    } catch (const hob::TimedOut& e) {
      code = 28, error = e.what();
    } catch (const hob::net::ResolveError& e) {
      code = 6, error = e.what();
    } catch (const WriteError& e) {
      code = 23, error = e.what();
    } catch (const hob::net::EndOfStream& e) {
      code = 52, error = e.what();
    } catch (const std::system_error& e) {
      error = e.what();
      const bool connecting = error.starts_with("connect");
      code = !connecting ? 56 : error.find(": TLS: ") != error.npos ? 35 : 7;
    } catch (const std::exception& e) {
      code = 1, error = e.what();
    }
    if (!error.empty() && !options.silent) {
      std::cerr << "fetch: " << options.urls[number] << ": " << error << std::endl;
    }
  }
  co_return code;
}

int main(int argc, char** argv) try {
  return hob::run(fetch_all, parse(std::vector<std::string>(argv + 1, argv + argc)));
} catch (const hob::Interrupted&) {
  return 130;
} catch (const std::exception& e) {
  std::cerr << "fetch: " << e.what() << "\nusage: fetch [-X METHOD] [-d DATA] [--data-binary @FILE] "
            << "[-H 'Name: value'] [-I] [-i] [-s] [-o FILE] [--fail] [--max-time S] "
            << "[-k] [--cacert FILE] URL..." << std::endl;
  return 2;
}
