/* The addon's table of functions. It has no state of its own, so any number of environments may load it. */
#include "datagram.h"
#include "monitor.h"
#include "netns_file.h"
#include "program_pages.h"
#include "request.h"

#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      FUNCTION("openRequest", open_request),       FUNCTION("submit", submit),
      FUNCTION("cancel", cancel),                  FUNCTION("pace", pace),
      FUNCTION("closeRequest", close_request),     FUNCTION("openMonitor", open_monitor),
      FUNCTION("closeMonitor", close_monitor),     FUNCTION("readNetnsFile", read_netns_file),
      FUNCTION("writeNetnsFile", write_netns_file),
      FUNCTION("releaseProgramPages", release_program_pages),
      FUNCTION("sendFrame", send_frame),           FUNCTION("sendUnixDatagram", send_unix_datagram),
  };
  NAPI_OR_THROW(env, napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  return exports;
}
