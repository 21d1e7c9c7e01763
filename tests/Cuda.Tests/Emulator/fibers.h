// Fibers: a stack each, and a switch that keeps the registers that calls keep.
#pragma once
#include <sys/mman.h>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(__x86_64__)
asm(R"(
.text
.type emulator_switch,@function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulator_switch,.-emulator_switch
)");
extern "C" void emulator_switch(void** from, void* to);

// A stack that begins in a function when it is first switched to.
inline void* fiber_begin(char* stack, size_t bytes, void (*entry)()) {
    auto top = (uint64_t*)(((uintptr_t)stack + bytes) & ~(uintptr_t)15);
    *--top = 0;
    *--top = (uint64_t)entry;
    for (int i = 0; i < 6; i++) *--top = 0;
    return top;
}
#else
#include <ucontext.h>
// Elsewhere the system's own, slower switch.
inline void emulator_switch(void** from, void* to) {
    auto own = (ucontext_t*)malloc(sizeof(ucontext_t));
    *from = own;
    swapcontext(own, (ucontext_t*)to);
    free(own);
}
inline void* fiber_begin(char* stack, size_t bytes, void (*entry)()) {
    auto context = (ucontext_t*)calloc(1, sizeof(ucontext_t));
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = bytes;
    makecontext(context, entry, 0);
    return context;
}
#endif
