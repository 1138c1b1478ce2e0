/* Pages of the program's own file. */
#ifndef OVERLAY_PROGRAM_PAGES_H
#define OVERLAY_PROGRAM_PAGES_H

#include "support.h"

/* releaseProgramPages(): bytes that were unmapped. They stay in the page cache, and come back when they are touched. */
napi_value release_program_pages(napi_env env, napi_callback_info info);

#endif
