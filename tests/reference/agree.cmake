# Makes cases with the Python model and runs this build against them.
execute_process(COMMAND ${PYTHON} ${REFERENCE}/make_cases.py --seed 11 --count 16 OUTPUT_FILE ${OUT} RESULT_VARIABLE made)
if(made)
  message(FATAL_ERROR "make_cases.py failed")
endif()
execute_process(COMMAND ${CONFORMANCE} baseline ${OUT} RESULT_VARIABLE disagreed)
if(disagreed)
  message(FATAL_ERROR "the C++ engine and the Python model disagree; the cases are in ${OUT}")
endif()
