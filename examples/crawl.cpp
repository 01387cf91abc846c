// SPDX-License-Identifier: MIT
//
// crawl.cpp — follows the links of a site, eight pages at a time, with a progress line on stderr; then
// prints each page with its status and size, and exits with 1 if one could not be had.
//
//   crawl [URL [MOST_PAGES]]    without a URL it serves a small site on loopback itself, and crawls that
#include <net/http.hpp>
#include <net/net.hpp>
#include <reactor/reactor.hpp>

#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace http = hob::http;

class Crawl {
 public:
  explicit Crawl(std::size_t most_pages) : most_(most_pages) {}

  hob::Future<> run(std::string start) {
    add(http::Url::parse(start));
    co_await group_.join();
    std::cerr << std::endl;
    for (const auto& [url, result] : pages_) std::cout << result << ' ' << url << '\n';
  }
  bool all_well() const { return failed_ == 0; }

 private:
  void add(const http::Url& url) {
    const std::string text = url.to_string();
    if (pages_.size() < most_ && pages_.emplace(text, "").second) {
      group_.start([this, url] { return visit(url); });
    }
  }

  hob::Future<> visit(http::Url url) {
    const auto turn = co_await turns_.acquire();
    std::string& result = pages_[url.to_string()];
    try {
      auto page = co_await session_.get(url.to_string());
      result = std::to_string(page.status) + ' ' + std::to_string(page.body.size());
      page.raise_for_status();
      add_links(page.body, http::Url::parse(page.url), url.origin());
    } catch (const std::exception& e) {
      if (result.empty()) result = std::string("failed (") + e.what() + ')';
      ++failed_;
    }
    std::cerr << "\rcrawled " << ++done_ << " of " << pages_.size() << std::flush;
  }

  void add_links(std::string_view page, const http::Url& base, const std::string& origin) {
    for (std::size_t at = 0; (at = page.find("href=\"", at)) != page.npos;) {
      at += 6;
      try {
        const http::Url link = base.resolve(page.substr(at, page.find('"', at) - at));
        if (link.origin() == origin) add(link);
      } catch (const http::ProtocolError&) {  // mailto: and its like
      }
    }
  }

  const std::size_t most_;
  std::size_t done_ = 0, failed_ = 0;
  std::map<std::string, std::string> pages_;  // what became of each
  http::Session session_;
  hob::Semaphore turns_{8};
  hob::TaskGroup group_;
};

// Page n links to 2n and 2n + 1; the last ones link to a page that is missing.
hob::Future<http::Response> small_site(http::Request& request) {
  const int n = std::atoi(request.target.c_str() + 1);
  http::Response page(n < 64 ? 200 : 404);
  for (const int link : {2 * n, 2 * n + 1}) {
    const std::string text = std::to_string(std::min(link, 64));
    page.body += "<a href=\"/" + text + "\">" + text + "</a>\n";
  }
  co_return page;
}

hob::Future<int> amain(std::string url, std::size_t most_pages) {
  http::Server server(small_site);
  hob::Future<> serving;
  if (url.empty()) {
    auto listener = hob::net::listen("127.0.0.1", 0);
    url = "http://" + listener.address().to_string() + "/1";
    serving = server.serve(std::move(listener));
  }
  Crawl crawl(most_pages);
  co_await crawl.run(url);
  co_return crawl.all_well() ? 0 : 1;
}

int main(int argc, char** argv) try {
  return hob::run(amain, argc > 1 ? argv[1] : "", argc > 2 ? std::stoul(argv[2]) : 1000);
} catch (const hob::Interrupted&) {
  return 130;
} catch (const std::exception& e) {
  std::cerr << "crawl: " << e.what() << "\nusage: crawl [URL [MOST_PAGES]]" << std::endl;
  return 2;
}
