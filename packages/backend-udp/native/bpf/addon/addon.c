/* The addon's table of functions. It has no state of its own, so any number of environments may load it. */
#include "map.h"
#include "offload.h"
#include "program.h"

#define FUNCTION(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      FUNCTION("bytecode", bytecode),         FUNCTION("loadProgram", load_program),
      FUNCTION("programById", program_by_id), FUNCTION("programInfo", program_info),
      FUNCTION("createMap", create_map),      FUNCTION("mapById", map_by_id),
      FUNCTION("mapInfo", map_info),          FUNCTION("freezeMap", freeze_map),
      FUNCTION("update", update_map),         FUNCTION("remove", delete_map),
      FUNCTION("lookup", lookup_map),         FUNCTION("dump", dump_map),
      FUNCTION("digest", digest_map),         FUNCTION("close", close_fd),
      FUNCTION("getOffload", get_offload),    FUNCTION("setOffload", set_offload),
  };
  NAPI_OR_THROW(env, napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions));
  return exports;
}
