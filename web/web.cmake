# The page, built into the server: npm ci, then scripts/build.mjs, which bundles, gzips and writes a C file.
# Included by the top CMakeLists.txt behind pf_api.
if(NOT WEB)
  target_compile_definitions(pf_api PRIVATE PF_WEB=0)
  return()
endif()

find_program(NODE NAMES node nodejs)
find_program(NPM NAMES npm)
if(NOT NODE OR NOT NPM)
  message(FATAL_ERROR "The page needs Node.js and npm: `scripts/setup web` installs them, "
                      "`make WEB=0` (-DWEB=OFF) builds the server without it.")
endif()

set(web_dir "${CMAKE_SOURCE_DIR}/web")
set(web_out "${CMAKE_BINARY_DIR}/web")
set(web_modules "${web_dir}/node_modules/.package-lock.json") # npm writes it last
file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS "${web_dir}/src/*")

add_custom_command(
  OUTPUT "${web_modules}"
  COMMAND "${NPM}" ci --no-audit --no-fund --loglevel=error
  COMMAND "${CMAKE_COMMAND}" -E touch "${web_modules}"
  DEPENDS "${web_dir}/package-lock.json" "${web_dir}/package.json"
  WORKING_DIRECTORY "${web_dir}"
  COMMENT "Fetching what the page is built with")
add_custom_command(
  OUTPUT "${web_out}/web_assets.c" "${web_out}/web_assets.bin"
  COMMAND "${NODE}" scripts/build.mjs "${web_out}"
  DEPENDS "${web_modules}" ${web_sources} "${web_dir}/scripts/build.mjs" "${web_dir}/tsconfig.json"
  WORKING_DIRECTORY "${web_dir}"
  COMMENT "Building the page")
set_source_files_properties("${web_out}/web_assets.c" PROPERTIES OBJECT_DEPENDS "${web_out}/web_assets.bin")
target_sources(pf_api PRIVATE "${web_out}/web_assets.c")
target_compile_definitions(pf_api PRIVATE PF_WEB=1)
