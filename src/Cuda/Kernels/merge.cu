// Joins what the splits of a token's attention left, each with a softmax of its own.
#include "rotation.cuh"

constexpr int THREADS = 128;

struct MergeArguments {
    // [heads, splits, headDim + 2]: sums, the largest score (base 2), the sum of weights.
    const float* partials;
    // [heads, headDim].
    float* attended;
    int headDim, splits;
    // mergeTurned: splits, the first ones, whose values are not turned.
    int plain;
};

// A block a head.
KERNEL(mergeSplits, MergeArguments, THREADS) {
    const float* partials = a.partials + (long long)blockIdx.x * a.splits * (a.headDim + 2);
    float most = MINUS_INFINITY;
    for (int split = 0; split < a.splits; split++) most = fmaxf(most, load(partials + (long long)split * (a.headDim + 2) + a.headDim));
    for (int c = threadIdx.x; c < a.headDim; c += THREADS) {
        float sum = 0, weights = 0;
        for (int split = 0; split < a.splits; split++) {
            const float* own = partials + (long long)split * (a.headDim + 2);
            float score = load(own + a.headDim), factor = score == MINUS_INFINITY ? 0 : exp2f(score - most);
            sum += load(own + c) * factor;
            weights += load(own + a.headDim + 1) * factor;
        }
        store(a.attended + (long long)blockIdx.x * a.headDim + c, sum / weights);
    }
}

// The same where the splits after the plain ones have sums of turned values (blocks of the largest power of two that divides headDim): they are turned back once.
KERNEL(mergeTurned, MergeArguments, THREADS) {
    constexpr int MOST = 1024;
    SHARED(float, turned, MOST);
    SHARED(float, plain, MOST);
    const float* partials = a.partials + (long long)blockIdx.x * a.splits * (a.headDim + 2);
    float most = MINUS_INFINITY, weights = 0;
    for (int split = 0; split < a.splits; split++) most = fmaxf(most, load(partials + (long long)split * (a.headDim + 2) + a.headDim));
    for (int c = threadIdx.x; c < a.headDim; c += THREADS) {
        float sums[2] = {0, 0};
        weights = 0;
        for (int split = 0; split < a.splits; split++) {
            const float* own = partials + (long long)split * (a.headDim + 2);
            float score = load(own + a.headDim), factor = score == MINUS_INFINITY ? 0 : exp2f(score - most), sum = load(own + c) * factor;
            weights += load(own + a.headDim + 1) * factor;
            if (split < a.plain) sums[0] += sum; else sums[1] += sum;
        }
        plain[c] = sums[0];
        turned[c] = sums[1];
    }
    __syncthreads();
    rotateBlock(turned, a.headDim, THREADS);
    for (int c = threadIdx.x; c < a.headDim; c += THREADS) store(a.attended + (long long)blockIdx.x * a.headDim + c, (plain[c] + turned[c]) / weights);
}
