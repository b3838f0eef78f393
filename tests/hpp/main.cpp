// Keeps each promise; with arguments those whose names hold one of them.
#include "check.hpp"

#include <cstring>

int main(int argc, char **argv) {
    for (const auto &[name, keep] : tests::promise::all()) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; i++)
            wanted = wanted || std::strstr(name, argv[i]) != nullptr;
        if (!wanted)
            continue;
        try {
            keep();
        } catch (const std::exception &e) {
            std::fprintf(stderr, "%s: %s\n", name, e.what());
            return 1;
        } catch (const tests::thrown &t) {
            std::fprintf(stderr, "%s: thrown: %s\n", name, t.where.c_str());
            return 1;
        }
    }
    ws4d::shutdown();
}
