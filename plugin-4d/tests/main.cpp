// Keeps each promise; with arguments those whose names hold one of them.
#include "play.hpp"

#include <cstring>

int main(int argc, char **argv) {
    for (const auto &[name, keep] : tests::promise::all()) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; i++)
            wanted = wanted || std::strstr(name, argv[i]) != nullptr;
        if (wanted)
            keep();
    }
}
