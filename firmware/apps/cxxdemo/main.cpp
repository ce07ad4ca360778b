// SPDX-License-Identifier: Apache-2.0
// The same library OS from C++: objects built before main, virtual calls, new. No exceptions, no
// RTTI.
#include "os/heap.h"
#include "os/log.h"
#include "os/sched.h"
#include <stddef.h>
#include <stdint.h>

void *operator new(size_t size) {
    return os_alloc(size);
}

// Reached through a virtual destructor; nothing here deletes.
void operator delete(void *) noexcept {
}

void operator delete(void *, size_t) noexcept {
}

namespace {

class Sensor {
  public:
    explicit Sensor(const char *name) : name_(name) {
        next_ = first_;
        first_ = this;
        count_++;
    }
    virtual ~Sensor() = default;
    virtual int32_t read() = 0;

    const char *name() const {
        return name_;
    }
    Sensor *next() const {
        return next_;
    }
    static Sensor *first() {
        return first_;
    }
    static uint32_t count() {
        return count_;
    }

  private:
    static inline Sensor *first_ = nullptr;
    static inline uint32_t count_ = 0;
    const char *name_;
    Sensor *next_;
};

class Ramp : public Sensor {
  public:
    Ramp(const char *name, int32_t step) : Sensor(name), step_(step) {
    }
    int32_t read() override {
        return value_ += step_;
    }

  private:
    int32_t step_;
    int32_t value_ = 0;
};

class Constant : public Sensor {
  public:
    Constant(const char *name, int32_t value) : Sensor(name), value_(value) {
    }
    int32_t read() override {
        return value_;
    }

  private:
    int32_t value_;
};

// Built before main.
Ramp temperature{"temperature", 3};
Constant pressure{"pressure", 1013};

constexpr uint32_t PERIOD_MS = 1000;

void measure(os_timer *timer) {
    for (Sensor *s = Sensor::first(); s != nullptr; s = s->next()) {
        LOG("%s %d", s->name(), s->read());
    }
    os_timer_again(timer, PERIOD_MS);
}

} // namespace

int main() {
    static os_timer timer;
    new Ramp{"humidity", -1};
    LOG("%u sensors", Sensor::count());
    os_timer_start(&timer, 0, measure);
    return 0;
}
