// SPDX-License-Identifier: MIT
//
// http.hpp — the front door to HTTP: requests (Session, get), and answers (Server).
#pragma once

#include "http_client.hpp"  // Session, get
#include "http_server.hpp"  // Server
#include "json.hpp"
#include "message.hpp"      // Request, Response, Headers, Url, ProtocolError, StatusError
