#include "server/http/patience.h"

#include "base/clock.h"

void pf_patience_init(pf_patience *p, int64_t now)
{
    *p = (pf_patience){PF_PATIENCE, now};
}

bool pf_patience_lose(pf_patience *p, int64_t cost, int64_t now)
{
    int64_t back = (now - p->at) / (PF_NS_PER_SEC / PF_PATIENCE_PER_SECOND);
    if (back > 0) {
        p->at = now;
        p->left = p->left + back > PF_PATIENCE ? PF_PATIENCE : p->left + back;
    }
    p->left -= cost;
    return p->left >= 0;
}
