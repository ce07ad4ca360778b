// SPDX-License-Identifier: Apache-2.0
// Virtual tables, a pointer to a member function, and objects built before main.
#include "features.h"
#include <stdint.h>

namespace {

struct Shape {
    virtual uint32_t area() const = 0;
    virtual uint32_t corners() const {
        return 4;
    }
};

struct Square : Shape {
    explicit Square(uint32_t side) : side(side) {
    }
    uint32_t area() const override {
        return side * side;
    }
    uint32_t side;
};

struct Triangle : Shape {
    Triangle(uint32_t base, uint32_t height) : base(base), height(height) {
    }
    uint32_t area() const override {
        return base * height / 2;
    }
    uint32_t corners() const override {
        return 3;
    }
    uint32_t base, height;
};

volatile uint32_t four = 4;
Square square{four};
Triangle triangle{four, 6};
Shape *const shapes[] = {&square, &triangle};

} // namespace

bool features_virtual_calls(void) {
    uint32_t (Shape::*measure)() const = &Shape::area;
    uint32_t sum = 0;
    for (Shape *shape : shapes) {
        sum = sum * 100 + (shape->*measure)() + shape->corners();
    }
    return sum == 2015;
}

bool features_constructors(void) {
    return square.side == 4 && triangle.height == 6;
}
