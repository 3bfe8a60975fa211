#include "profile/meta.h"

pf_code pf_service_check(pf_str service, pf_error *err)
{
    if (!service.n)
        return pf_fail(err, PF_INVALID, "missing \"service\"");
    if (service.n > PF_SERVICE_MAX)
        return pf_fail(err, PF_INVALID, "bad \"service\": %zu bytes are over the limit of %d",
                       service.n, PF_SERVICE_MAX);
    if (!pf_str_is_utf8(service))
        return pf_fail(err, PF_INVALID, "bad \"service\": not valid UTF-8");
    if (pf_str_has_control(service))
        return pf_fail(err, PF_INVALID, "bad \"service\": holds a control character");
    return PF_OK;
}
