// Layers of which a step chooses tokens of the middle by their coded keys, and fetches their exact rows from the host: refined layers (VALUES_CODED 1), which see all others by their codes, and retrieved layers (0),
// which see no others.
#pragma once
#define OTHER_ROWS 1
#include "windowed.cuh"

struct Choosing {
    // [heads, scoreRow]: scores of the middle, to base 2; minus infinity once another row stands in a token's place.
    float* scores;
    // [heads, splits, 2]: of each split the largest score and the sum of powers of two.
    float* statistics;
    // [kvHeads, most tokens]: logarithms of probabilities; the tokens that are chosen, in ascending order.
    float* mass;
    int* chosen;
    // Elements from a KV head to the next.
    long long massStride, chosenStride;
    int scoreRow, topK, splits;
};

struct ScoreArguments {
    QuantizedState state;
    Choosing choosing;
    // Of one token, [heads, headDim].
    const float* queries;
    int group;
    float cap;
};

// The largest of numbers that a block's threads have, and the sum of powers of two of what each lies below it; of GROUP queries.
struct Statistics {
    float most[GROUP], sum[GROUP];

    __device__ __forceinline__ void begin() {
#pragma unroll
        for (int g = 0; g < GROUP; g++) { most[g] = MINUS_INFINITY; sum[g] = 0; }
    }

    __device__ __forceinline__ void take(int g, float score) {
        if (score == MINUS_INFINITY) return;
        float now = fmaxf(most[g], score);
        sum[g] = sum[g] * exp2f(most[g] - now) + exp2f(score - now);
        most[g] = now;
    }

    __device__ __forceinline__ void join(int g, float otherMost, float otherSum) {
        float now = fmaxf(most[g], otherMost);
        if (now == MINUS_INFINITY) return;
        sum[g] = sum[g] * exp2f(most[g] - now) + otherSum * exp2f(otherMost - now);
        most[g] = now;
    }

    // room: 2 * WARPS * GROUP floats; to: 2 floats a query, stride floats apart. Lanes that have taken the same numbers must have none but one of them.
    __device__ __forceinline__ void finish(float* room, float* to, long long stride, int count) {
        int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
#pragma unroll
            for (int step = WARP / 2; step > 0; step /= 2) join(g, __shfl_xor_sync(ALL, most[g], step), __shfl_xor_sync(ALL, sum[g], step));
            if (lane == 0) { room[2 * (warp * GROUP + g)] = most[g]; room[2 * (warp * GROUP + g) + 1] = sum[g]; }
        }
        __syncthreads();
        if (threadIdx.x == 0) {
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                for (int w = 1; w < WARPS; w++) join(g, room[2 * (w * GROUP + g)], room[2 * (w * GROUP + g) + 1]);
                if (g < count) { store(to + g * stride, most[g]); store(to + g * stride + 1, sum[g]); }
            }
        }
    }
};

// Scores of the middle by codes, and what a softmax over all that queries see needs: a block a KV head, split and part of its queries. The first split is of sinks and window.
KERNEL(score, ScoreArguments, THREADS) {
    SHARED(float, room, 2 * WARPS * GROUP);
    SHARED(float, turned, HEAD_DIM);
    SHARED(float, levels, KEY_LEVELS + 16);
    const QuantizedState& s = a.state;
    int kvHead = blockIdx.x, split = blockIdx.y, head = kvHead * a.group + (int)blockIdx.z * GROUP, count = min(GROUP, a.group - (int)blockIdx.z * GROUP), lane = threadIdx.x % WARP;
    int tokens = load(s.position) + s.row + 1, middle = middleOf(s.ends, load(s.promptMiddle), tokens);
    readLevels(s, levels);
    __syncthreads();
    Statistics statistics;
    statistics.begin();
    float queries[GROUP][OWN];
    if (split == 0) {
        int sinks = min(s.ends.sinks, tokens), held = tokens - middle;
        readQueries(a.queries + (long long)head * HEAD_DIM, count, queries);
        for (int first = (int)(threadIdx.x / WARP) * ROWS; first < held; first += WARPS * ROWS) {
            int one = first + lane / LANES;
            bool there = one < held;
            float k[OWN];
            readRow(endOf(s.ends, kvHead, sinks, middle, min(one, held - 1)).key, k);
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                float dot = 0;
#pragma unroll
                for (int i = 0; i < OWN; i++) dot += queries[g][i] * k[i];
                float score = RunningSoftmax::scoreOf(dot, there, a.cap);
                if (lane % LANES == 0) statistics.take(g, score);
            }
        }
    } else {
        constexpr int PASS = WARPS * ROWS * BATCH;
        int splits = a.choosing.splits, share = ((middle + splits - 2) / (splits - 1) + PASS - 1) / PASS * PASS, begin = (split - 1) * share, end = min(middle, begin + share);
        if (begin < end) {
            meetQueries(s, a.queries, kvHead, head, count, turned, queries);
#if KEY_KIND == 4
            Keys keys(s.keys, s.tiers, kvHead);
#else
            Keys keys(s.keys, kvHead);
#endif
            for (int base = begin / BATCH + (int)(threadIdx.x / WARP) * ROWS; base * BATCH < end; base += WARPS * ROWS) {
                int batch = base + lane / LANES, from = min(batch, (end - 1) / BATCH);
                Keys::Batch codes;
                keys.read(from, codes);
                MetQueries met;
                met.meet(keys, from, queries);
#pragma unroll
                for (int some = 0; some < BATCH; some += AHEAD) {
                    float scores[AHEAD][GROUP];
                    float2 scales[TURNS][AHEAD];
                    int token = batch * BATCH + some;
#pragma unroll
                    for (int turn = 0; turn < TURNS; turn++) keys.scalesOf(token, end, turn, scales[turn]);
#pragma unroll
                    for (int t = 0; t < AHEAD; t++) met.score(keys, codes, some + t, scales, t, queries, levels, token + t < end, a.cap, scores[t]);
                    if (lane % LANES != 0 || token >= end) continue;
#pragma unroll
                    for (int g = 0; g < GROUP; g++) {
#pragma unroll
                        for (int t = 0; t < AHEAD; t++) statistics.take(g, scores[t][g]);
                        if (g < count) store((float4*)(a.choosing.scores + (long long)(head + g) * a.choosing.scoreRow + token), make_float4(scores[0][g], scores[1][g], scores[2][g], scores[3][g]));
                    }
                }
            }
        }
    }
    statistics.finish(room, a.choosing.statistics + ((long long)head * a.choosing.splits + split) * 2, (long long)a.choosing.splits * 2, count);
}

// The logarithm of the probability of each token of the middle, summed over the queries that share the KV head: a block a KV head and some tokens.
KERNEL(rate, ScoreArguments, THREADS) {
    constexpr int MOST = 64;
    SHARED(float, sums, MOST);
    int kvHead = blockIdx.x, tokens = load(a.state.position) + a.state.row + 1, middle = middleOf(a.state.ends, load(a.state.promptMiddle), tokens);
    const Choosing& c = a.choosing;
    for (int first = 0; first < a.group; first += MOST) {
        // More queries than there is room for go in rounds, each adding to the one before.
        int some = min(MOST, a.group - first);
        __syncthreads();
        for (int g = threadIdx.x; g < some; g += THREADS) {
            const float* statistics = c.statistics + (long long)(kvHead * a.group + first + g) * c.splits * 2;
            float most = MINUS_INFINITY, sum = 0;
            for (int split = 0; split < c.splits; split++) most = fmaxf(most, load(statistics + 2 * split));
            for (int split = 0; split < c.splits; split++) {
                float score = load(statistics + 2 * split);
                if (score != MINUS_INFINITY) sum += load(statistics + 2 * split + 1) * exp2f(score - most);
            }
            sums[g] = most + log2f(sum);
        }
        __syncthreads();
        for (int token = (int)blockIdx.y * THREADS + (int)threadIdx.x; token < middle; token += gridDim.y * THREADS) {
            float* to = c.mass + kvHead * c.massStride + token;
            float most = first == 0 ? MINUS_INFINITY : load(to) / LN2, sum = first == 0 ? 0 : 1;
            for (int g = 0; g < some; g++) {
                float score = load(c.scores + (long long)(kvHead * a.group + first + g) * c.scoreRow + token) - sums[g], now = fmaxf(most, score);
                sum = sum * exp2f(most - now) + exp2f(score - now);
                most = now;
            }
            store(to, (most + log2f(sum)) * LN2);
        }
    }
}

constexpr int CHOOSERS = 1024, CHOOSER_WARPS = CHOOSERS / WARP, DIGITS = 256;

// A number whose order among unsigned ones is that of x among floats.
__device__ __forceinline__ unsigned orderOf(float x) {
    unsigned bits = __float_as_uint(x);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The topK tokens of most probability, of equal ones the earlier, in ascending order: a block a KV head. Digit by digit, the highest first, it finds the least that is chosen. Then those that are chosen lose the
// scores that their codes gave them.
KERNEL(choose, ScoreArguments, CHOOSERS) {
    SHARED(unsigned, counts, DIGITS);
    SHARED(unsigned, found, 2);
    SHARED(int, equals, CHOOSER_WARPS);
    SHARED(int, takes, CHOOSER_WARPS);
    const Choosing& c = a.choosing;
    int kvHead = blockIdx.x, tokens = load(a.state.position) + a.state.row + 1, middle = middleOf(a.state.ends, load(a.state.promptMiddle), tokens), wanted = min(c.topK, middle);
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    if (wanted == 0) return;
    const float* mass = c.mass + kvHead * c.massStride;
    unsigned least = 0, known = 0;
    int left = wanted;
    for (int shift = 24; shift >= 0; shift -= 8) {
        for (int i = threadIdx.x; i < DIGITS; i += CHOOSERS) counts[i] = 0;
        __syncthreads();
        for (int token = threadIdx.x; token < middle; token += CHOOSERS) {
            unsigned order = orderOf(load(mass + token));
            if ((order & known) == least) atomicAdd((unsigned*)counts + (order >> shift & (DIGITS - 1)), 1u);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            int digit = DIGITS - 1;
            unsigned before = 0;
            while (before + counts[digit] < (unsigned)left) before += counts[digit--];
            found[0] = digit;
            found[1] = before;
        }
        __syncthreads();
        least |= found[0] << shift;
        known |= (DIGITS - 1u) << shift;
        left -= found[1];
        __syncthreads();
    }
    // What is larger is chosen, and of what is equal the first ones that are left.
    int taken = 0, passed = 0;
    for (int first = 0; first < middle; first += CHOOSERS) {
        int token = first + threadIdx.x;
        unsigned order = token < middle ? orderOf(load(mass + token)) : 0;
        bool equal = token < middle && order == least;
        unsigned ofEqual = __ballot_sync(ALL, equal);
        if (lane == 0) equals[warp] = __popc(ofEqual);
        __syncthreads();
        int rank = passed + __popc(ofEqual & ((1u << lane) - 1)), all = 0;
        for (int w = 0; w < CHOOSER_WARPS; w++) { if (w < warp) rank += equals[w]; all += equals[w]; }
        bool take = token < middle && (order > least || (equal && rank < left));
        unsigned ofTake = __ballot_sync(ALL, take);
        if (lane == 0) takes[warp] = __popc(ofTake);
        __syncthreads();
        int place = taken + __popc(ofTake & ((1u << lane) - 1)), sum = 0;
        for (int w = 0; w < CHOOSER_WARPS; w++) { if (w < warp) place += takes[w]; sum += takes[w]; }
        if (take) {
            store(c.chosen + kvHead * c.chosenStride + place, token);
            for (int g = 0; g < a.group; g++) store(c.scores + (long long)(kvHead * a.group + g) * c.scoreRow + token, MINUS_INFINITY);
        }
        taken += sum;
        passed += all;
        __syncthreads();
    }
}

struct AttendArguments {
    QuantizedState state;
    Choosing choosing;
    const float* queries;
    // [heads, splits, PARTIAL].
    float* partials;
    // The first split is of sinks and window, as many as said of chosen rows, the others of codes.
    int splits, chosenSplits;
    int group;
    float cap;
};

// A block a KV head, split and part of its queries. Chosen rows are read straight from the host, a token's key and value side by side. Sums of coded values come out turned where values are.
KERNEL(attendChosen, AttendArguments, THREADS) {
    SHARED(float, room, WARPS * GROUP * PARTIAL);
    const QuantizedState& s = a.state;
    int kvHead = blockIdx.x, split = blockIdx.y, head = kvHead * a.group + (int)blockIdx.z * GROUP, count = min(GROUP, a.group - (int)blockIdx.z * GROUP), lane = threadIdx.x % WARP;
    int tokens = load(s.position) + s.row + 1, middle = middleOf(s.ends, load(s.promptMiddle), tokens), wanted = min(a.choosing.topK, middle);
    RunningSoftmax softmax;
    softmax.begin();
    if (split == 0) {
        attendEnds(s, a.queries, a.cap, kvHead, head, count, tokens, middle, softmax);
    } else if (split <= a.chosenSplits) {
        int share = (wanted + a.chosenSplits - 1) / a.chosenSplits, begin = (split - 1) * share, end = min(wanted, begin + share);
        float queries[GROUP][OWN];
        readQueries(a.queries + (long long)head * HEAD_DIM, count, queries);
        softmax.takeRows(queries, begin, end, a.cap, [&](int one) { return besides(s, kvHead, load(a.choosing.chosen + kvHead * a.choosing.chosenStride + one)); });
    }
#if VALUES_CODED
    else {
        SHARED(float, levels, KEY_LEVELS + 16);
        readLevels(s, levels);
        __syncthreads();
        constexpr int PASS = WARPS * ROWS * BATCH;
        int parts = a.splits - 1 - a.chosenSplits, share = ((middle + parts - 1) / parts + PASS - 1) / PASS * PASS, begin = (split - 1 - a.chosenSplits) * share, end = min(middle, begin + share);
        Values values(s.values, kvHead);
        for (int base = begin / BATCH + (int)(threadIdx.x / WARP) * ROWS; base * BATCH < end; base += WARPS * ROWS) {
            int batch = base + lane / LANES;
            Values::Batch codes;
            values.read(min(batch, (end - 1) / BATCH), codes);
#pragma unroll
            for (int some = 0; some < BATCH; some += AHEAD) {
                float scores[AHEAD][GROUP], v[AHEAD][OWN];
                float2 scales[TURNS][AHEAD];
                int token = batch * BATCH + some;
#pragma unroll
                for (int turn = 0; turn < TURNS; turn++) values.scalesOf(token, end, turn, scales[turn]);
#pragma unroll
                for (int g = 0; g < GROUP; g++) {
                    float4 four = load((const float4*)(a.choosing.scores + (long long)(head + min(g, count - 1)) * a.choosing.scoreRow + min(token, (end - 1) / AHEAD * AHEAD)));
                    scores[0][g] = token < end ? four.x : MINUS_INFINITY;
                    scores[1][g] = token + 1 < end ? four.y : MINUS_INFINITY;
                    scores[2][g] = token + 2 < end ? four.z : MINUS_INFINITY;
                    scores[3][g] = token + 3 < end ? four.w : MINUS_INFINITY;
                }
#pragma unroll
                for (int t = 0; t < AHEAD; t++) {
                    Values::numbersOf(codes, some + t, (const float*)levels + KEY_LEVELS, scales, t, v[t]);
                }
                softmax.weigh(scores, v);
            }
        }
    }
#endif
    softmax.finish(room, a.partials + ((long long)head * a.splits + split) * PARTIAL, (long long)a.splits * PARTIAL, nullptr, count);
}
