# embed: turns a text into a C array, so that it needs no program but CMake.
#
#     cmake -DINPUT=src/x/y.json -DOUTPUT=build/y.c -DNAME=pf_y -DHEADER=x/y.h -DVERSION=0.1.0 -P scripts/embed.cmake
#
# The array `NAME` ends with a zero byte, which `NAME_len` doesn't count. "@VERSION@" in the text becomes the version.
cmake_minimum_required(VERSION 3.25) # without a policy "@VERSION@" below would be taken for a reference
foreach(wanted INPUT OUTPUT NAME HEADER VERSION)
  if(NOT DEFINED ${wanted})
    message(FATAL_ERROR "embed: -D${wanted}= is missing")
  endif()
endforeach()
file(READ "${INPUT}" text)
string(REPLACE "@VERSION@" "${VERSION}" text "${text}")
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n\nconst char ${NAME}[] =\n    \"${text}\";\n"
                    "const size_t ${NAME}_len = sizeof ${NAME} - 1;\n")
