/* Programs: loaded, found, described. */
#ifndef OVERLAY_BPF_PROGRAM_H
#define OVERLAY_BPF_PROGRAM_H

#include "support.h"

/* () -> the ELF file that clang made of native/bpf/program */
napi_value bytecode(napi_env env, napi_callback_info info);
/* (name, instructions, license) -> fd of a program for tc; an error bears the verifier's last words as `verifier`. */
napi_value load_program(napi_env env, napi_callback_info info);
/* (id) -> fd */
napi_value program_by_id(napi_env env, napi_callback_info info);
/* (fd) -> { id, name, verified, maps: ids } */
napi_value program_info(napi_env env, napi_callback_info info);
/* (fd) */
napi_value close_fd(napi_env env, napi_callback_info info);

#endif
