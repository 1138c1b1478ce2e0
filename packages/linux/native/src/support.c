#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void throw_last(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;
  const napi_extended_error_info *info = NULL;
  napi_get_last_error_info(env, &info);
  const char *message = info != NULL && info->error_message != NULL ? info->error_message : "Node-API call failed";
  napi_throw_error(env, NULL, message);
}

napi_value make_errno_error(napi_env env, const char *syscall, int error) {
  char text[256], reason[160];
  napi_value message, result, number, name;
  snprintf(text, sizeof text, "%s: %s", syscall, strerror_r(error, reason, sizeof reason));
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok ||
      napi_create_error(env, NULL, message, &result) != napi_ok ||
      napi_create_int32(env, error, &number) != napi_ok ||
      napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_set_named_property(env, result, "errno", number) != napi_ok ||
      napi_set_named_property(env, result, "syscall", name) != napi_ok)
    return NULL;
  return result;
}

void throw_errno(napi_env env, const char *syscall, int error) {
  napi_value value = make_errno_error(env, syscall, error);
  if (value == NULL)
    throw_last(env);
  else
    napi_throw(env, value);
}

bool take_string(napi_env env, napi_value value, char **out) {
  napi_valuetype type;
  size_t length;
  *out = NULL;
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_undefined || type == napi_null) return true;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "expected a string");
    return false;
  }
  char *text = malloc(length + 1);
  if (text == NULL) {
    throw_errno(env, "malloc", ENOMEM);
    return false;
  }
  if (napi_get_value_string_utf8(env, value, text, length + 1, &length) != napi_ok) {
    free(text);
    throw_last(env);
    return false;
  }
  if (strlen(text) != length) { /* a NUL inside would silently name another file */
    free(text);
    throw_errno(env, "path", EINVAL);
    return false;
  }
  *out = text;
  return true;
}

bool take_uint32_property(napi_env env, napi_value object, const char *name, uint32_t *out) {
  napi_value value;
  napi_valuetype type;
  if (napi_get_named_property(env, object, name, &value) != napi_ok || napi_typeof(env, value, &type) != napi_ok) {
    throw_last(env);
    return false;
  }
  if (type == napi_undefined) return true;
  if (napi_get_value_uint32(env, value, out) != napi_ok) {
    napi_throw_type_error(env, NULL, "expected a number");
    return false;
  }
  return true;
}
